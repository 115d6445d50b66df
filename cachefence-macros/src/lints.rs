//! The lint attributes of the function, as the function and the companion have them.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{Attribute, Meta, MetaList};

use crate::names;

/// The lints that judge a body by how its tokens stand in the function: once it is wrapped they find nothing, and an `expect`
/// of them would not be fulfilled.
const OF_BODIES: [&str; 4] =
    ["unused_async", "needless_pass_by_value", "unused_self", "unused_variables"];

/// The attribute for the function: an `expect` of what cannot be found any more becomes an `allow`.
pub(crate) fn for_function(attribute: &Attribute) -> TokenStream {
    match list(attribute, "expect") {
        Some(lints) if mentions_bodies(&lints.tokens) => allowed(attribute).into_token_stream(),
        _ => attribute.to_token_stream(),
    }
}

/// The attribute for the companion, if it is about lints: what is allowed or expected of the function is allowed there, since the
/// two share most of their signatures, but not all.
pub(crate) fn for_companion(attribute: &Attribute) -> Option<Attribute> {
    let is_shared = list(attribute, "allow").or_else(|| list(attribute, "expect")).is_some();
    is_shared.then(|| allowed(attribute))
}

fn list<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a MetaList> {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident(name) => Some(list),
        _ => None,
    }
}

fn mentions_bodies(lints: &TokenStream) -> bool {
    let names = names::all_names(lints.clone());
    OF_BODIES.iter().any(|lint| names.contains(*lint))
}

/// `#[expect(..)]` -> `#[allow(..)]`
fn allowed(attribute: &Attribute) -> Attribute {
    let mut attribute = attribute.clone();
    if let Meta::List(list) = &mut attribute.meta
        && let Some(name) = list.path.segments.first_mut()
    {
        name.ident = syn::Ident::new("allow", name.ident.span());
    }
    attribute
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn function(attribute: &Attribute) -> String {
        for_function(attribute).to_string().replace(' ', "")
    }

    #[test]
    fn an_expectation_that_the_expansion_disappoints_is_an_allowance() {
        assert_eq!(
            function(&parse_quote!(#[expect(clippy::unused_async, reason = "a trait's")])),
            "#[allow(clippy::unused_async,reason=\"atrait's\")]"
        );
        assert_eq!(
            function(&parse_quote!(#[expect(clippy::too_many_arguments)])),
            "#[expect(clippy::too_many_arguments)]"
        );
    }

    #[test]
    fn the_companion_expects_nothing() {
        let companion = |attribute: Attribute| {
            let attribute = for_companion(&attribute)?;
            Some(attribute.to_token_stream().to_string().replace(' ', ""))
        };
        let allowed = Some("#[allow(dead_code)]".to_owned());
        assert_eq!(companion(parse_quote!(#[expect(dead_code)])), allowed);
        assert_eq!(companion(parse_quote!(#[allow(dead_code)])), allowed);
        assert_eq!(companion(parse_quote!(#[deny(dead_code)])), None);
        assert_eq!(companion(parse_quote!(#[inline])), None);
    }
}
