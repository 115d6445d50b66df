//! Puts another variable in place of `self` in a function's body, as `#[async_trait]` does.
//!
//! A body is not parsed, so this goes by its tokens. What is missed does not compile, since there is no `self` in the task that
//! runs the body; so nothing goes wrong in silence.

use std::iter::Peekable;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, Group, Ident, Literal, TokenStream, TokenTree};

/// The macros whose strings capture variables: `println!("{self}")`.
const FORMATTING: &[&str] = &[
    "anyhow",
    "assert",
    "assert_eq",
    "assert_ne",
    "bail",
    "debug",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "ensure",
    "eprint",
    "eprintln",
    "error",
    "event",
    "format",
    "format_args",
    "info",
    "log",
    "panic",
    "print",
    "println",
    "todo",
    "trace",
    "unimplemented",
    "unreachable",
    "warn",
    "write",
    "writeln",
];

/// Puts `to` in place of each `self` that stands for a value. `None` if there is none.
pub(crate) fn rename_self(tokens: TokenStream, to: &Ident) -> Option<TokenStream> {
    let mut renaming = Renaming { to, found: false };
    let renamed = renaming.stream(tokens, Strings::Plain);
    renaming.found.then_some(renamed)
}

struct Renaming<'a> {
    to: &'a Ident,
    found: bool,
}

/// Whether strings capture variables where they stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strings {
    Plain,
    /// They capture variables.
    Formats,
}

impl Renaming<'_> {
    fn stream(&mut self, tokens: TokenStream, strings: Strings) -> TokenStream {
        let mut renamed = Vec::new();
        let mut rest = tokens.into_iter().peekable();
        while let Some(token) = rest.next() {
            match token {
                TokenTree::Ident(ident) if ident == "self" => {
                    let is_place = is_punct(rest.peek(), ':') || is_punct(renamed.last(), '$');
                    // `self::path`; a value is followed by one colon nowhere.
                    renamed.push(TokenTree::Ident(if is_place { ident } else { self.renamed() }));
                }
                TokenTree::Ident(ident) if ident == "use" => {
                    renamed.push(ident.into());
                    keep(&mut rest, &mut renamed, |token| is_punct(Some(token), ';'));
                }
                // `pub(self)`
                TokenTree::Ident(ident) if ident == "pub" => {
                    renamed.push(ident.into());
                    renamed.extend(rest.next_if(|token| is_group(token, Delimiter::Parenthesis)));
                }
                TokenTree::Ident(ident) if begins_item(&ident, renamed.last(), rest.peek()) => {
                    renamed.push(ident.into());
                    keep(&mut rest, &mut renamed, |token| {
                        is_punct(Some(token), ';') || is_group(token, Delimiter::Brace)
                    });
                }
                TokenTree::Group(group) => {
                    let inner = match renamed.as_slice() {
                        [.., TokenTree::Ident(name), bang] if is_punct(Some(bang), '!') => {
                            let formats = FORMATTING.iter().any(|macro_name| name == macro_name);
                            if formats { Strings::Formats } else { Strings::Plain }
                        }
                        _ => Strings::Plain,
                    };
                    let mut made =
                        Group::new(group.delimiter(), self.stream(group.stream(), inner));
                    made.set_span(group.span());
                    renamed.push(made.into());
                }
                TokenTree::Literal(literal) if strings == Strings::Formats => {
                    renamed.push(self.literal(literal).into());
                }
                token => renamed.push(token),
            }
        }
        renamed.into_iter().collect()
    }

    fn renamed(&mut self) -> Ident {
        self.found = true;
        self.to.clone()
    }

    /// `"{self} {self:?}"` with the other name.
    fn literal(&mut self, literal: Literal) -> Literal {
        const CAPTURE: &str = "{self";
        let text = literal.to_string();
        let mut renamed = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(CAPTURE) {
            let (before, after) = rest.split_at(at);
            renamed.push_str(before);
            rest = after.strip_prefix(CAPTURE).unwrap_or(after);
            let escapes = renamed.chars().rev().take_while(|char| *char == '{').count();
            let captures = escapes % 2 == 0 && rest.starts_with(['}', ':']);
            if captures {
                renamed.push('{');
                renamed.push_str(&self.renamed().to_string());
            } else {
                renamed.push_str(CAPTURE);
            }
        }
        renamed.push_str(rest);
        match renamed.parse::<Literal>() {
            Ok(mut made) if renamed != text => {
                made.set_span(literal.span());
                made
            }
            _ => literal,
        }
    }
}

/// Whether an item begins here, which has a `self` of its own or none.
fn begins_item(keyword: &Ident, before: Option<&TokenTree>, after: Option<&TokenTree>) -> bool {
    let at_start = match before {
        None | Some(TokenTree::Group(_)) => true,
        Some(TokenTree::Ident(ident)) => ident == "unsafe" || ident == "pub",
        Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
        Some(TokenTree::Literal(_)) => false,
    };
    match keyword.to_string().as_str() {
        // Without a name it is the type of a function.
        "fn" => matches!(after, Some(TokenTree::Ident(_))),
        "impl" | "trait" | "mod" => at_start,
        _ => false,
    }
}

/// Keeps tokens as they are, up to the one that `ends` them.
fn keep(
    rest: &mut Peekable<IntoIter>,
    kept: &mut Vec<TokenTree>,
    ends: impl Fn(&TokenTree) -> bool,
) {
    for token in rest {
        let is_last = ends(&token);
        kept.push(token);
        if is_last {
            return;
        }
    }
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use quote::quote;

    use super::*;

    fn renamed(tokens: TokenStream) -> Option<String> {
        let to = Ident::new("this", Span::call_site());
        rename_self(tokens, &to).map(|renamed| renamed.to_string())
    }

    #[track_caller]
    fn assert_renamed(tokens: TokenStream, expected: &TokenStream) {
        assert_eq!(renamed(tokens), Some(expected.to_string()));
    }

    #[test]
    fn values_are_renamed_wherever_they_stand() {
        assert_renamed(
            quote!(self.rows.get(&self, |x| self.f(x)).await?; vec![self.a]),
            &quote!(this.rows.get(&this, |x| this.f(x)).await?; vec![this.a]),
        );
        assert_renamed(
            quote!(if a { self } else { f(fn_of(self)) }),
            &quote!(if a { this } else { f(fn_of(this)) }),
        );
    }

    #[test]
    fn paths_and_inner_items_are_not() {
        let other = quote! {
            use self::a::{self, b};
            pub(self) struct S(pub(self) u8);
            fn inner(x: S) -> u8 { x.0 }
            impl S { fn get(&self) -> u8 { self.0 } }
            unsafe impl Send for S {}
            trait T { fn f(&self) -> u8 { self.g() } }
            self::path::call(Self::new())
        };
        assert_eq!(renamed(other.clone()), None);
        assert_renamed(quote!(#other; self), &quote!(#other; this));
        assert_renamed(
            quote!(let f: fn(&S) -> u8 = self.f;),
            &quote!(let f: fn(&S) -> u8 = this.f;),
        );
    }

    #[test]
    fn format_strings_take_it_along() {
        assert_renamed(
            quote!(info!(id = 1, "{self} {{self}} {self:?} {selfish}")),
            &quote!(info!(id = 1, "{this} {{self}} {this:?} {selfish}")),
        );
        assert_eq!(
            renamed(quote!(f("{self}"); json!("{self}"); println!("{}", f("{self}")))),
            None
        );
    }
}
