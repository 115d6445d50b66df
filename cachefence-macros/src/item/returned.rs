//! Return types that no cache can hold, as far as the tokens show. The compiler judges all others.

use quote::ToTokens as _;
use syn::{Error, GenericArgument, PathArguments, ReturnType, Type};

use super::boxed;
use crate::names;

/// Reports an `impl Trait`, or a reference, in the return type.
pub(super) fn check(output: &ReturnType) -> Option<Error> {
    let ReturnType::Type(_, ty) = output else {
        return None;
    };
    let ty = match boxed::future_output(output) {
        Some(output) => output,
        None if names::all_names(ty.to_token_stream()).contains("impl") => {
            let message = "`impl Trait` cannot be cached: name the type that is returned, so that it can be read back";
            return Some(Error::new_spanned(ty, message));
        }
        None => ty,
    };
    // Without this error, the compiler would say that an implementation of `Deserialize` is not general enough.
    let message =
        "a reference cannot be cached: return an owned value, such as a `String` for a `&str`";
    Some(Error::new_spanned(reference(ty)?, message))
}

/// Finds a reference that is certainly part of the cached value: one in an `Option`, a `Vec`, a tuple, or the `Ok` of a `Result`.
///
/// ```text
/// &'static str, Option<&User>, Result<Vec<&str>, Error>     found
/// Result<User, &'static str>, PhantomData<&'static str>     fine
/// ```
fn reference(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Reference(_) => Some(ty),
        Type::Group(group) => reference(&group.elem),
        Type::Paren(paren) => reference(&paren.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(reference),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let holds = ["Option", "Result", "Vec"].iter().any(|name| last.ident == name);
            let first = arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            first.filter(|_| holds).and_then(reference)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn references_to_what_is_not_stored() {
        for (output, found) in [
            (parse_quote!(-> &'static str), true),
            (parse_quote!(-> Option<&User>), true),
            (parse_quote!(-> (u8, &str)), true),
            (parse_quote!(-> io::Result<Vec<&'a User>>), true),
            (parse_quote!(-> Pin<Box<dyn Future<Output = &str> + 'a>>), true),
            (parse_quote!(-> Result<User, &'static str>), false),
            (parse_quote!(-> PhantomData<&'static str>), false),
            (parse_quote!(-> Option<fn(&str)>), false),
            (parse_quote!(-> Page<'_>), false),
            (ReturnType::Default, false),
        ] {
            let output: ReturnType = output;
            assert_eq!(check(&output).is_some(), found, "{}", output.to_token_stream());
        }
    }
}
