//! Which names a piece of code mentions, judged by its tokens alone.
//!
//! The macro does not resolve names; it has to decide which arguments and generic parameters the companion needs. When in
//! doubt a name counts as mentioned: an argument too many is an inconvenience, one too few does not compile.

use std::collections::HashSet;

use proc_macro2::{Ident, Spacing, TokenStream, TokenTree};
use syn::ext::IdentExt as _;

/// Collects every identifier, and every lifetime with its quote (`'a`).
pub(crate) fn all_names(tokens: TokenStream) -> HashSet<String> {
    let mut names = HashSet::new();
    collect(tokens, &mut names);
    names
}

fn collect(tokens: TokenStream, names: &mut HashSet<String>) {
    let mut lifetime = false;
    for token in tokens {
        match &token {
            TokenTree::Ident(ident) => {
                let quote = if lifetime { "'" } else { "" };
                names.insert(format!("{quote}{ident}"));
            }
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        lifetime = is_punct(Some(&token), '\'');
    }
}

/// Whether an expression may leave the block that it stands in: by `.await`, `return` or `?`.
pub(crate) fn leaves(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "await" || ident == "return",
        TokenTree::Punct(punct) => punct.as_char() == '?',
        TokenTree::Group(group) => leaves(group.stream()),
        TokenTree::Literal(_) => false,
    })
}

/// Whether a path starts at a type: `Db::Row`, whose first name may be a type parameter.
pub(crate) fn starts_at_a_type(tokens: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(ident) => {
            let is_a_type = ident.unraw().to_string().starts_with(char::is_uppercase);
            is_a_type
                && is_joint(tokens.get(at + 1), ':')
                && is_punct(tokens.get(at + 2), ':')
                && matches!(tokens.get(at + 3), Some(TokenTree::Ident(_)))
        }
        TokenTree::Group(group) => starts_at_a_type(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Whether a name is one capital letter, alone or followed by digits.
pub(crate) fn looks_like_a_parameter(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_uppercase())
        && chars.all(|other| other.is_ascii_digit())
}

/// Whether a type may have a lifetime that is not written: one that is none of std's without any.
pub(crate) fn may_hide_a_lifetime(ty: TokenStream) -> bool {
    const HIDE_NONE: [&str; 22] = [
        "Box", "Error", "HashMap", "Option", "Result", "String", "Vec", "bool", "char", "f32",
        "f64", "i16", "i32", "i64", "i8", "io", "std", "u128", "u16", "u32", "u64", "u8",
    ];
    all_names(ty).iter().any(|name| !HIDE_NONE.contains(&name.as_str()))
}

/// Whether an expression reads the local variable `name`.
///
/// A field or method (`cfg.name`) and a part of a path (`name::X`, `x::name`) do not count. A name that a format string
/// captures (`"{name}"`) does.
pub(crate) fn reads(tokens: TokenStream, name: &Ident) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| {
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        match token {
            TokenTree::Ident(ident) => {
                let member = is_punct(before(1), '.') && !is_punct(before(2), '.');
                let path = is_punct(before(1), ':') && is_joint(before(2), ':')
                    || is_joint(tokens.get(at + 1), ':') && is_punct(tokens.get(at + 2), ':');
                ident.unraw() == name.unraw() && !member && !path
            }
            TokenTree::Group(group) => reads(group.stream(), name),
            TokenTree::Literal(literal) => {
                literal.to_string().contains(&format!("{{{}", name.unraw()))
            }
            TokenTree::Punct(_) => false,
        }
    })
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

fn is_joint(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char && punct.spacing() == Spacing::Joint)
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use quote::quote;

    use super::*;

    fn reads_id(tokens: TokenStream) -> bool {
        reads(tokens, &Ident::new("id", Span::call_site()))
    }

    #[test]
    fn names_and_lifetimes_are_kept_apart() {
        let names = all_names(quote!(&'a [T; { N }] + Into<'b, Vec<a>>));
        for name in ["'a", "T", "N", "Into", "'b", "Vec", "a"] {
            assert!(names.contains(name), "{name}");
        }
        assert!(!names.contains("b"));
    }

    #[test]
    fn expressions_that_leave_their_block() {
        for tokens in
            [quote!(ttl(id).await), quote!(f(ttl()?)), quote!(if x { return 3 } else { D })]
        {
            assert!(leaves(tokens.clone()), "{tokens}");
        }
        assert!(!leaves(quote!(Duration::from_secs(cfg.returns + awaited))));
    }

    #[test]
    fn paths_that_start_at_a_type() {
        for tokens in [quote!(Db::Row), quote!(Vec<(u8, Db::Row)>), quote!([Db::Row; 2])] {
            assert!(starts_at_a_type(tokens.clone()), "{tokens}");
        }
        for tokens in [quote!(db::Row), quote!(::db::Row), quote!(Vec::<u8>), quote!(Row)] {
            assert!(!starts_at_a_type(tokens.clone()), "{tokens}");
        }
    }

    #[test]
    fn variables_are_read() {
        assert!(reads_id(quote!(id)));
        assert!(reads_id(quote!(f(&id.0))));
        assert!(reads_id(quote!(0..id)));
        assert!(reads_id(quote!(format!("{id:?}"))));
        assert!(reads_id(quote!(r#id)));
    }

    #[test]
    fn members_and_paths_are_not_variables() {
        assert!(!reads_id(quote!(cfg.id)));
        assert!(!reads_id(quote!(cfg.id())));
        assert!(!reads_id(quote!(id::TTL)));
        assert!(!reads_id(quote!(limits::id)));
        assert!(!reads_id(quote!(identity("id"))));
    }
}
