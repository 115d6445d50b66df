//! The bounds of a generic type's `impl`.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{WherePredicate, parse_quote};

use super::input::{Input, Variant};
use crate::names::all_names;

/// The bounds that the fields ask for: of each type parameter that a field's type names, `T: KeyPart`.
///
/// Where a type goes on from a parameter, as `T::Id` does, the bound is the field's own, `T::Id: KeyPart`. Not everywhere, because
/// a type that holds itself would then have to implement `KeyPart` in order to implement it.
///
/// ```text
/// struct Page<T, U: Table, V> { items: Vec<T>, id: Option<U::Id>, kind: PhantomData<V> }
///
///     where T: ::cachefence::KeyPart, Option<U::Id>: ::cachefence::KeyPart
/// ```
pub(crate) fn bounds(input: &Input) -> Vec<WherePredicate> {
    let krate = &input.krate;
    let parameters: HashSet<String> =
        input.generics.type_params().map(|parameter| parameter.ident.to_string()).collect();
    let mut named = HashSet::new();
    let mut types = Vec::new();
    for field in input.variants.iter().flat_map(Variant::written) {
        let ty = &field.ty;
        if goes_on(ty.to_token_stream(), &parameters) {
            types.push(parse_quote!(#ty: #krate::KeyPart));
        } else {
            named.extend(all_names(ty.to_token_stream()));
        }
    }
    let parameters = input.generics.type_params().map(|parameter| &parameter.ident);
    parameters
        .filter(|parameter| named.contains(&parameter.to_string()))
        .map(|parameter| parse_quote!(#parameter: #krate::KeyPart))
        .chain(types)
        .collect()
}

/// Whether a path goes on from one of the parameters: `T::Id`, `<T as Table>::Id`.
fn goes_on(tokens: TokenStream, parameters: &HashSet<String>) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(name) => {
            let next = |token: Option<&TokenTree>| match token {
                Some(TokenTree::Punct(punct)) => punct.as_char() == ':',
                Some(TokenTree::Ident(name)) => name == "as",
                _ => false,
            };
            parameters.contains(&name.to_string()) && next(tokens.get(at + 1))
        }
        TokenTree::Group(group) => goes_on(group.stream(), parameters),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
