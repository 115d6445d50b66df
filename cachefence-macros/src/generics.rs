//! The generic parameters that a part of a signature needs.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens as _;
use syn::{GenericParam, Generics, TypeParamBound, WherePredicate};

use crate::item::ASYNC_TRAIT;
use crate::names::all_names;

/// Keeps the parameters that `mentioned` names, and those that their bounds name in turn.
///
/// A bound in a `where` clause stays if every parameter that it and its type name does.
///
/// ```text
/// <'a, T: Into<U>, U, E> where T: Clone + From<E>, E: Debug     mentioned: &'a T
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
        let stays = |tokens: TokenStream| own_in(tokens).is_subset(&kept);
        clause.predicates = predicates
            .filter_map(|mut predicate| {
                if let WherePredicate::Type(bounded) = &mut predicate
                    && stays(bounded.bounded_ty.to_token_stream())
                {
                    let bounds = std::mem::take(&mut bounded.bounds).into_iter();
                    bounded.bounds =
                        bounds.filter(|bound| stays(bound.to_token_stream())).collect();
                    return (!bounded.bounds.is_empty()).then_some(predicate);
                }
                stays(predicate.to_token_stream()).then_some(predicate)
            })
            .collect();
    }
    restricted
}

/// The parameters that are determined where those that `mentioned` names are: as [`restrict`], and those that the `where` clause
/// names in the bounds of a parameter that is determined.
///
/// ```text
/// <F, Fut, V> where F: Fn() -> Fut, Fut: Future<Output = V>     mentioned: F
/// <F, Fut, V>
/// ```
pub(crate) fn determined(generics: &Generics, mut mentioned: TokenStream) -> Generics {
    loop {
        let restricted = restrict(generics, mentioned.clone());
        let kept: HashSet<String> = restricted.params.iter().map(name).collect();
        let clause = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        let of_kept = clause.filter(|predicate| match predicate {
            WherePredicate::Type(bounded) => {
                !all_names(bounded.bounded_ty.to_token_stream()).is_disjoint(&kept)
            }
            _ => false,
        });
        mentioned.extend(of_kept.map(quote::ToTokens::to_token_stream));
        if restrict(generics, mentioned.clone()).params.len() == restricted.params.len() {
            return restricted;
        }
    }
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
    fn the_bounds_of_a_predicate_stay_one_by_one() {
        assert_eq!(
            restricted(parse_quote!(<T, U>), &quote!(where T: KeyPart + PartialEq<U>), quote!(T)),
            quote!(<T> where T: KeyPart).to_string()
        );
    }

    #[test]
    fn what_the_bounds_of_a_determined_parameter_name_is_determined() {
        let mut generics: Generics = parse_quote!(<K, V, F, Fut, E, W>);
        generics.where_clause = parse_quote!(where K: KeyPart, F: Fn(&K) -> Fut, Fut: Future<Output = Result<V, E>>, W: Clone);
        let found = determined(&generics, quote!(K F));
        let names: Vec<String> = found.params.iter().map(name).collect();
        assert_eq!(names, ["K", "V", "F", "Fut", "E"]);
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
