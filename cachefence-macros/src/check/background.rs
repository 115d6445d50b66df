//! No argument borrows in a function that is refreshed in a task of its own.
//!
//! The compiler would refuse such an argument too, but its error would be about the expansion, and stand at the whole function.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{FnArg, Type};

use crate::bind::Model;
use crate::errors::Errors;
use crate::names;

/// Reports each argument that borrows, if refreshes run in the background.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    if !model.background {
        return;
    }
    for input in &model.item.signature.inputs {
        let (at, instead) = match input {
            FnArg::Receiver(receiver) if borrows(&receiver.to_token_stream()) => {
                (receiver.span(), "take `self` or `self: Arc<Self>`")
            }
            FnArg::Typed(argument) if borrows(&argument.ty.to_token_stream()) => {
                (argument.ty.span(), instead_of(&argument.ty))
            }
            _ => continue,
        };
        report(at, instead, errors);
    }
}

fn report(at: Span, instead: &str, errors: &mut Errors) {
    let message = format!(
        "`refresh = \"background\"` runs the body in a task of its own, which cannot borrow this argument\nhelp: {instead}"
    );
    errors.at(at, message);
}

/// Whether a type holds a reference or a lifetime that is not `'static`.
fn borrows(ty: &TokenStream) -> bool {
    let lifetimes = names::all_names(ty.clone());
    let named = lifetimes.iter().any(|name| name.starts_with('\'') && name != "'static");
    named || ty.to_string().replace("& 'static", "").contains('&')
}

/// What to write instead of a type that borrows.
fn instead_of(ty: &Type) -> &'static str {
    match ty {
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => "take a `String` or an `Arc<str>`",
            Type::Slice(_) => "take a `Vec<..>` or an `Arc<[..]>`",
            _ => "take it by value, or in an `Arc`",
        },
        _ => "take it by value, or in an `Arc`",
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use crate::bind;
    use crate::errors::messages_of;

    fn complaints(item: proc_macro2::TokenStream) -> Vec<String> {
        messages_of(|errors| {
            let args = quote!(key = "k", ttl = 1, refresh = "background", skip(self, a, b, c));
            let model = bind::model(args, item, errors).expect("it binds");
            super::check(&model, errors);
        })
    }

    #[test]
    fn what_borrows_is_reported() {
        let found = complaints(quote! {
            async fn f<'a>(&self, a: &str, b: Cow<'a, str>, c: Vec<&[u8]>) {}
        });
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[0].contains("Arc<Self>") && found[1].contains("`String`"), "{found:#?}");
    }

    #[test]
    fn what_is_owned_is_not() {
        let owned = quote!(
            async fn f(self: Arc<Self>, a: &'static str, b: Cow<'static, str>, c: u8) {}
        );
        assert!(complaints(owned).is_empty());
    }
}
