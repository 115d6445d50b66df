//! Shows a place inside a string literal.
//!
//! `Literal::subspan` gives nothing on stable Rust, so an error can only be spanned at the whole literal. The message therefore
//! carries the text and a line of carets below the place:
//!
//! ```text
//! error: no argument named `idd` fills `<idd>`; the function takes `id`, `tenant`
//!        user:<tenant>:<idd>
//!                      ^^^^^
//! ```
//!
//! The compiler indents the further lines of a message by itself.

use std::ops::Range;

/// Appends `text` to the message, with carets below the bytes of `range`.
///
/// Control characters show as their escape sequence (`\n`, `\t`): they would break the line, or its alignment. A caret stands
/// for one character, and at least one is drawn. A text that is empty is not shown.
pub(crate) fn point(message: &str, text: &str, range: &Range<usize>) -> String {
    if text.is_empty() {
        return message.to_owned();
    }
    let mut shown = String::new();
    let mut carets = String::new();
    for (at, char) in text.char_indices() {
        let drawn =
            if char.is_control() { char.escape_default().to_string() } else { char.to_string() };
        let mark = if range.contains(&at) { "^" } else { " " };
        carets.push_str(&mark.repeat(drawn.chars().count()));
        shown.push_str(&drawn);
    }
    // No character is in the range, as where something is missing at the end of the text: the caret stands after the text.
    if !carets.contains('^') {
        carets.push('^');
    }
    format!("{message}\n{shown}\n{}", carets.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_below_the_range() {
        assert_eq!(
            point("wrong", "user:<tenant>:<idd>", &(14..19)),
            "wrong\nuser:<tenant>:<idd>\n              ^^^^^"
        );
    }

    #[test]
    fn control_characters_are_escaped_and_counted() {
        assert_eq!(point("wrong", "a\t\n<b>", &(3..6)), "wrong\na\\t\\n<b>\n     ^^^");
    }

    #[test]
    fn characters_count_not_bytes() {
        assert_eq!(point("wrong", "größe:<b>", &(8..11)), "wrong\ngröße:<b>\n      ^^^");
    }

    #[test]
    fn the_end_gets_a_caret_too() {
        assert_eq!(point("wrong", "ab", &(2..2)), "wrong\nab\n  ^");
    }

    #[test]
    fn nothing_is_not_shown() {
        assert_eq!(point("wrong", "", &(0..0)), "wrong");
    }
}
