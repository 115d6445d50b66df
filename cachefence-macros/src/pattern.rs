//! The patterns of arguments: which names they bind, and how they read without `mut`.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Pat, Type};

/// Collects the names that an argument's pattern binds, in their order, each once.
pub(crate) fn bound_names(pat: &Pat, ty: &Type) -> Vec<Ident> {
    match pat {
        // In `Unit: Unit` the pattern is a unit struct and binds nothing. Any other name that stands alone is a variable.
        Pat::Ident(pat) if pat.subpat.is_none() && !is_type(&pat.ident, ty) => {
            vec![pat.ident.clone()]
        }
        pat => {
            let mut names = Vec::new();
            collect(pat, &mut names);
            names
        }
    }
}

fn is_type(name: &Ident, ty: &Type) -> bool {
    matches!(ty, Type::Path(ty) if ty.path.is_ident(name))
}

fn collect(pat: &Pat, names: &mut Vec<Ident>) {
    match pat {
        Pat::Ident(pat) => {
            // A unit struct and a variable look the same to a macro, which cannot resolve names: the first letter's case decides.
            let constant = pat.by_ref.is_none()
                && pat.mutability.is_none()
                && pat.subpat.is_none()
                && pat.ident.to_string().starts_with(char::is_uppercase);
            // The cases of an or-pattern bind the same names again.
            if !constant && !names.contains(&pat.ident) {
                names.push(pat.ident.clone());
            }
            if let Some((_, pat)) = &pat.subpat {
                collect(pat, names);
            }
        }
        Pat::Guard(pat) => collect(&pat.pat, names),
        Pat::Or(pat) => pat.cases.iter().for_each(|pat| collect(pat, names)),
        Pat::Paren(pat) => collect(&pat.pat, names),
        Pat::Reference(pat) => collect(&pat.pat, names),
        Pat::Slice(pat) => pat.elems.iter().for_each(|pat| collect(pat, names)),
        Pat::Struct(pat) => pat.fields.iter().for_each(|field| collect(&field.pat, names)),
        Pat::Tuple(pat) => pat.elems.iter().for_each(|pat| collect(pat, names)),
        Pat::TupleStruct(pat) => pat.elems.iter().for_each(|pat| collect(pat, names)),
        Pat::Type(pat) => collect(&pat.pat, names),
        // Constants, paths, literals, ranges, `_` and `..` bind nothing.
        _ => {}
    }
}

/// Whether the pattern binds `name` so that it can be changed: `mut name`.
pub(crate) fn is_mutable(pat: &Pat, name: &Ident) -> bool {
    let mut before: Option<TokenTree> = None;
    let mut found = false;
    for token in flat(pat.to_token_stream()) {
        let after_mut = matches!(&before, Some(TokenTree::Ident(ident)) if ident == "mut");
        found |= after_mut && matches!(&token, TokenTree::Ident(ident) if ident == name);
        // `ref mut name` and `&mut name`
        let is_reference = match &before {
            Some(TokenTree::Ident(ident)) => ident == "ref",
            Some(TokenTree::Punct(punct)) => punct.as_char() == '&',
            _ => false,
        };
        before = (!is_reference).then_some(token);
    }
    found
}

/// The tokens, with those inside groups in their place.
fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Group(group) => flat(group.stream()),
            token => vec![token],
        })
        .collect()
}

/// Drops the `mut` of bindings, which would warn where nothing mutates them.
///
/// ```text
/// (mut a, ref mut b, &mut c)   ->   (a, ref mut b, &mut c)
/// ```
pub(crate) fn without_mut(tokens: TokenStream) -> TokenStream {
    let mut before: Option<TokenTree> = None;
    let mut kept = TokenStream::new();
    for token in tokens {
        let of_reference = match &before {
            Some(TokenTree::Ident(ident)) => ident == "ref",
            Some(TokenTree::Punct(punct)) => punct.as_char() == '&',
            _ => false,
        };
        before = Some(token.clone());
        match token {
            TokenTree::Ident(ident) if ident == "mut" && !of_reference => {}
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_mut(group.stream()));
                inner.set_span(group.span());
                kept.extend([TokenTree::Group(inner)]);
            }
            token => kept.extend([token]),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse::Parser as _;

    use super::*;

    fn names(tokens: TokenStream) -> Vec<String> {
        let pat = Pat::parse_single.parse2(tokens).unwrap();
        bound_names(&pat, &syn::parse_quote!(Unit)).iter().map(Ident::to_string).collect()
    }

    #[test]
    fn names_bound_inside_patterns() {
        assert_eq!(names(quote!(id)), ["id"]);
        assert_eq!(names(quote!(mut id)), ["id"]);
        assert_eq!(names(quote!((a, ref b, _, ..))), ["a", "b"]);
        assert_eq!(names(quote!(State(db))), ["db"]);
        assert_eq!(names(quote!(Point { x, y: (z, _), .. })), ["x", "z"]);
        assert_eq!(names(quote!(whole @ Point { x, .. })), ["whole", "x"]);
        assert_eq!(names(quote!([first, rest @ ..])), ["first", "rest"]);
        assert_eq!(names(quote!(&(a, b))), ["a", "b"]);
        assert_eq!(names(quote!((Ok(v) | Err(v)))), ["v"]);
        assert_eq!(names(quote!(r#type)), ["r#type"]);
        assert_eq!(names(quote!(Id)), ["Id"]);
    }

    #[test]
    fn patterns_that_bind_nothing() {
        assert!(names(quote!(_)).is_empty());
        assert!(names(quote!(Unit)).is_empty());
        assert!(names(quote!(())).is_empty());
        assert!(names(quote!(Point { .. })).is_empty());
    }

    #[test]
    fn only_the_mut_of_bindings_goes() {
        let pattern = quote!((mut a, ref mut b, &mut c, [mut d]));
        assert_eq!(
            without_mut(pattern).to_string(),
            quote!((a, ref mut b, &mut c, [d])).to_string()
        );
    }
}
