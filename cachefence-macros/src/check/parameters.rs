//! Type and const parameters that no argument determines.
//!
//! `load::<User>(1)` and `load::<Order>(1)` have the same arguments, and so the same key, unless it names the parameter: `<N>`, or a
//! constant of a type, `<T::NAME>`. A parameter that an argument's type
//! mentions, also through its bounds, is not checked: the argument is in the key, or the user has skipped it because the result
//! does not depend on it.

use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{FnArg, GenericParam};

use super::fix;
use crate::bind::Model;
use crate::errors::Errors;
use crate::generics;

/// Reports each type or const parameter that two calls with the same key may have differently.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    let signature = &model.item.signature;
    let arguments = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(argument.ty.to_token_stream()),
        FnArg::Receiver(_) => None,
    });
    let determined = generics::determined(&signature.generics, arguments.collect());
    let determined: Vec<_> =
        determined.params.iter().filter_map(generics::value_parameter).collect();
    for param in &signature.generics.params {
        let Some(parameter) = generics::value_parameter(param) else { continue };
        let skipped = model.skip.iter().any(|name| name.unraw() == parameter.unraw());
        if skipped || determined.contains(&parameter) || model.key.names(parameter) {
            continue;
        }
        let (placeholder, note) = match param {
            GenericParam::Type(_) => {
                (format!("<{parameter}::NAME>"), format!(" (`NAME`: a constant of `{parameter}`)"))
            }
            _ => (format!("<{parameter}>"), String::new()),
        };
        let message = format!(
            "no argument determines `{parameter}`, so calls that differ only in it would share one entry\n\
             help: `{}` if it changes the result{note},\n   \
             or `{}` if it does not",
            fix::with_placeholder(model, &placeholder),
            fix::with_skip(model, &parameter.to_string()),
        );
        errors.at(parameter.span(), message);
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::*;
    use crate::bind::model;
    use crate::errors::messages_of;

    fn mistakes(args: TokenStream, item: TokenStream) -> Vec<String> {
        messages_of(|errors| {
            let model = model(args, item, errors);
            if let Some(model) = model {
                check(&model, errors);
            }
        })
    }

    #[test]
    fn a_parameter_that_no_argument_determines() {
        assert_eq!(
            mistakes(
                quote!(key = "row:<id>", ttl = 60),
                quote!(
                    async fn load<T: Row>(id: u64) -> T {}
                )
            ),
            ["no argument determines `T`, so calls that differ only in it would share one entry\n\
              help: `#[cachefence(key = \"row:<id>:<T::NAME>\", ttl = 60)]` if it changes the result \
              (`NAME`: a constant of `T`),\n   \
              or `#[cachefence(key = \"row:<id>\", ttl = 60, skip(T))]` if it does not"]
        );
        let found = mistakes(
            quote!(key = "<at>", ttl = 60),
            quote!(
                async fn page<const SIZE: usize>(at: u64) {}
            ),
        );
        assert!(
            found[0].contains("\"<at>:<SIZE>\", ttl = 60)]` if it changes the result,\n"),
            "{found:?}"
        );
    }

    #[test]
    fn arguments_and_skip_cover() {
        let item = quote!(
            async fn f<'a, D: Db<C>, C, I: KeyPart, const N: usize, T>(
                db: &'a D,
                id: I,
                of: [u8; N],
            ) {
            }
        );
        let found = mistakes(quote!(key = "<id>:<of>", ttl = 60, skip(db, T)), item);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn the_key_covers() {
        let item = quote!(
            async fn page<T: Table, const SIZE: usize>(at: u64) {}
        );
        let found = mistakes(quote!(key = "<T::NAME>:<at>:<SIZE>", ttl = 60), item);
        assert!(found.is_empty(), "{found:?}");
    }
}
