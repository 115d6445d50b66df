//! The generic parameters that a part of a signature needs.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens as _;
use syn::{GenericParam, Generics, TypeParamBound, WherePredicate};

use crate::item::ASYNC_TRAIT;
use crate::names::all_names;

/// Keeps the parameters that `mentioned` names, and those that their bounds name in turn.
///
/// A `where` predicate stays if every parameter that it names does.
///
/// ```text
/// <'a, T: Into<U>, U, E> where T: Clone, E: Debug     mentioned: &'a T
/// <'a, T: Into<U>, U>    where T: Clone
/// ```
pub(crate) fn restrict(generics: &Generics, mentioned: TokenStream) -> Generics {
    let own: HashSet<String> = generics.params.iter().map(name).collect();
    let own_in = |tokens: TokenStream| -> HashSet<String> {
        all_names(tokens).intersection(&own).cloned().collect()
    };

    let mut kept = own_in(mentioned);
    loop {
        let before = kept.len();
        for param in &generics.params {
            if kept.contains(&name(param)) {
                kept.extend(own_in(param.to_token_stream()));
            }
        }
        if kept.len() == before {
            break;
        }
    }

    let mut restricted = generics.clone();
    restricted.params =
        generics.params.iter().filter(|param| kept.contains(&name(param))).cloned().collect();
    if let Some(clause) = &mut restricted.where_clause {
        let predicates = std::mem::take(&mut clause.predicates).into_iter();
        clause.predicates = predicates
            .filter(|predicate| own_in(predicate.to_token_stream()).is_subset(&kept))
            .collect();
    }
    restricted
}

/// Takes out what `#[async_trait]` adds for the future's sake: the bounds `'async_trait`.
///
/// ```text
/// where 'a: 'async_trait, T: 'async_trait + Clone   ->   where T: Clone
/// ```
pub(crate) fn without_async_trait(generics: &mut Generics) {
    let is_added = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Lifetime(lifetime) if lifetime.ident == ASYNC_TRAIT);
    let Some(clause) = &mut generics.where_clause else { return };
    let predicates = std::mem::take(&mut clause.predicates).into_iter();
    clause.predicates = predicates
        .filter_map(|mut predicate| {
            if let WherePredicate::Type(bounded) = &mut predicate {
                let bounds = std::mem::take(&mut bounded.bounds).into_iter();
                bounded.bounds = bounds.filter(|bound| !is_added(bound)).collect();
                return (!bounded.bounds.is_empty()).then_some(predicate);
            }
            if let WherePredicate::Lifetime(bounded) = &mut predicate {
                let bounds = std::mem::take(&mut bounded.bounds).into_iter();
                bounded.bounds = bounds.filter(|bound| bound.ident != ASYNC_TRAIT).collect();
                return (!bounded.bounds.is_empty()).then_some(predicate);
            }
            Some(predicate)
        })
        .collect();
}

/// The name of a type or const parameter.
pub(crate) fn value_parameter(parameter: &GenericParam) -> Option<&Ident> {
    match parameter {
        GenericParam::Type(parameter) => Some(&parameter.ident),
        GenericParam::Const(parameter) => Some(&parameter.ident),
        GenericParam::Lifetime(_) => None,
    }
}

/// The parameter's name; that of a lifetime starts with its quote.
fn name(param: &GenericParam) -> String {
    match param {
        GenericParam::Lifetime(param) => param.lifetime.to_string(),
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    use super::*;

    /// The parameters and the `where` clause that stay.
    fn restricted(params: Generics, predicates: &TokenStream, mentioned: TokenStream) -> String {
        let mut generics = params;
        generics.where_clause = parse_quote!(#predicates);
        let kept = restrict(&generics, mentioned);
        let clause = &kept.where_clause;
        quote!(#kept #clause).to_string()
    }

    #[test]
    fn only_what_is_mentioned_stays() {
        assert_eq!(
            restricted(parse_quote!(<'a, 'b, T, U, const N: usize>), &quote!(), quote!(&'a [T; N])),
            quote!(<'a, T, const N: usize>).to_string()
        );
        assert_eq!(restricted(parse_quote!(<'a, T>), &quote!(), quote!(u64)), "");
    }

    #[test]
    fn bounds_keep_what_they_name() {
        assert_eq!(
            restricted(parse_quote!(<T: Into<U>, U: From<V>, V, W>), &quote!(), quote!(T)),
            quote!(<T: Into<U>, U: From<V>, V>).to_string()
        );
        assert_eq!(
            restricted(parse_quote!(<'a: 'b, 'b, 'c>), &quote!(), quote!(&'a str)),
            quote!(<'a: 'b, 'b>).to_string()
        );
    }

    #[test]
    fn predicates_stay_with_their_parameters() {
        assert_eq!(
            restricted(
                parse_quote!(<T, E>),
                &quote!(where T: Clone, E: Debug, T: Into<E>, Self: Sync),
                quote!(T)
            ),
            quote!(<T> where T: Clone, Self: Sync).to_string()
        );
    }
}
