//! The attribute as it should be: for messages that can be copied.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The attribute with `placeholder` added to its key, such as `<tenant>`.
pub(crate) fn with_placeholder(args: &TokenStream, key: &str, placeholder: &str) -> String {
    // A new part needs a separator before it, unless the key ends with one.
    let separator = if key.ends_with([':', '/', '|', '#']) { "" } else { ":" };
    let key = format!("key = {:?}", format!("{key}{separator}{placeholder}"));
    let options = options(args)
        .into_iter()
        .map(|option| if is_named(&option, "key") { key.clone() } else { text(&option) });
    attribute(&options.collect::<Vec<_>>())
}

/// The attribute with `name` added to its `skip(..)`.
pub(crate) fn with_skip(args: &TokenStream, name: &str) -> String {
    let mut found = false;
    let options = options(args).into_iter().map(|option| {
        if is_named(&option, "skip") {
            found = true;
            skip_also(option, name)
        } else {
            text(&option)
        }
    });
    let mut options: Vec<String> = options.collect();
    if !found {
        options.push(format!("skip({name})"));
    }
    attribute(&options)
}

/// `skip(a, b)` -> `skip(a, b, name)`
fn skip_also(skip: TokenStream, name: &str) -> String {
    let names = skip.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => Some(text(&group.stream())),
        _ => None,
    });
    let names = names.unwrap_or_default();
    let names = names.trim_end_matches([',', ' ']);
    let comma = if names.is_empty() { "" } else { ", " };
    format!("skip({names}{comma}{name})")
}

/// Splits at the commas between options.
///
/// A comma inside an expression (`f::<A, B>()`) splits as well, which is harmless: the pieces are joined with commas again.
fn options(args: &TokenStream) -> Vec<TokenStream> {
    let mut options = vec![TokenStream::new()];
    for token in args.clone() {
        match (&token, options.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => {
                options.push(TokenStream::new());
            }
            (_, Some(option)) => option.extend([token]),
            (_, None) => {}
        }
    }
    options.retain(|option| !option.is_empty());
    options
}

fn is_named(option: &TokenStream, name: &str) -> bool {
    matches!(option.clone().into_iter().next(), Some(TokenTree::Ident(ident)) if ident == name)
}

/// The tokens on one line, spaced as people do.
///
/// The compiler's own text puts a space between any two tokens that came apart: `self . cache`.
fn text(tokens: &TokenStream) -> String {
    let mut text = String::new();
    for token in tokens.clone() {
        let piece = match &token {
            TokenTree::Group(group) => enclosed(group),
            token => token.to_string(),
        };
        let ends_open = text.is_empty() || text.ends_with(TIGHT) || text.ends_with(' ');
        let starts_tight = piece.starts_with(TIGHT) || piece.starts_with(['(', '[', ',', ';']);
        let after_operator = text.ends_with(['=', '+', '-', '*', '/', '|', ',', ';']);
        if !ends_open && (after_operator || !starts_tight) {
            text.push(' ');
        }
        text.push_str(&piece);
    }
    text
}

/// What stands without space on either side, mostly: `self.cache`, `Vec::<u8>::new`, `&x`.
const TIGHT: [char; 7] = ['.', ':', '<', '>', '&', '!', '?'];

fn enclosed(group: &Group) -> String {
    let inner = text(&group.stream());
    match group.delimiter() {
        Delimiter::Parenthesis => format!("({inner})"),
        Delimiter::Bracket => format!("[{inner}]"),
        Delimiter::Brace => format!("{{ {inner} }}"),
        Delimiter::None => inner,
    }
}

fn attribute(options: &[String]) -> String {
    format!("#[cachefence({})]", options.join(", "))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn a_placeholder_is_added_to_the_key() {
        let args = quote!(key = "user:<id>", ttl = 60, skip(db),);
        assert_eq!(
            with_placeholder(&args, "user:<id>", "<tenant>"),
            r#"#[cachefence(key = "user:<id>:<tenant>", ttl = 60, skip(db))]"#
        );
        assert_eq!(
            with_placeholder(&quote!(ttl = 1, key = "user:"), "user:", "<id>"),
            r#"#[cachefence(ttl = 1, key = "user:<id>")]"#
        );
    }

    #[test]
    fn a_name_is_added_to_skip() {
        assert_eq!(
            with_skip(&quote!(key = "k", ttl = 60), "db"),
            r#"#[cachefence(key = "k", ttl = 60, skip(db))]"#
        );
        assert_eq!(
            with_skip(&quote!(key = "k", skip(db,), ttl = 60), "ctx"),
            r#"#[cachefence(key = "k", skip(db, ctx), ttl = 60)]"#
        );
        assert_eq!(with_skip(&quote!(skip()), "db"), "#[cachefence(skip(db))]");
    }

    #[test]
    fn expressions_read_as_people_write_them() {
        for code in [
            "cache = self.cache",
            "ttl = Duration::from_secs(n * 60)",
            "beta = f::<u8, u8>(&x, [1, 2])",
            "cache = &state.cache",
        ] {
            let tokens: TokenStream = code.parse().unwrap();
            assert_eq!(text(&tokens), code);
        }
    }
}
