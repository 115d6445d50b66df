//! Code as text, for messages.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The tokens on one line, spaced as people space them.
///
/// `TokenStream::to_string` may put a space between any two tokens: `self . cache`.
pub(crate) fn text(tokens: &TokenStream) -> String {
    let mut text = String::new();
    let mut after_sign = false;
    for token in tokens.clone() {
        let piece = match &token {
            TokenTree::Group(group) => enclosed(group),
            token => token.to_string(),
        };
        let ends_open = text.is_empty() || text.ends_with(TIGHT) || text.ends_with(' ');
        let starts_tight = piece.starts_with(TIGHT) || piece.starts_with(['(', '[', ',', ';']);
        let after_operator = text.ends_with(['=', '+', '-', '*', '/', '|', ',', ';']);
        if !ends_open && !after_sign && (after_operator || !starts_tight) {
            text.push(' ');
        }
        // A `-` without an operand before it is a sign, and no space follows: `beta = -1`.
        after_sign =
            piece == "-" && (text.is_empty() || text.ends_with("= ") || text.ends_with(", "));
        text.push_str(&piece);
    }
    text
}

/// Characters that mostly have no space on either side: `self.cache`, `Vec::<u8>::new`, `&x`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_read_as_people_write_them() {
        for code in [
            "cache = self.cache",
            "ttl = Duration::from_secs(n * 60)",
            "beta = f::<u8, u8>(&x, [1, 2])",
            "cache = &state.cache",
            "beta = -1",
            "f(a, -1) - 1",
            "Result<User, io::Error>",
        ] {
            let tokens: TokenStream = code.parse().unwrap();
            assert_eq!(text(&tokens), code);
        }
    }
}
