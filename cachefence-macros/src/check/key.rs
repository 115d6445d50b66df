//! The template renders keys that cannot be taken for each other.
//!
//! What the runtime does with it: a value renders with every character outside `[A-Za-z0-9_.@-]` escaped, and its structure
//! (`None`, lists, tuples) with `%~(),`. Any text is a key, with braces or without.

use std::ops::Range;

use crate::bind::Key;
use crate::caret;
use crate::errors::Errors;
use crate::template::{Placeholder, Segment, Template};

/// Reports every rule that the template breaks.
pub(crate) fn check(key: &Key, errors: &mut Errors) {
    let template = &key.template;
    for (message, range) in touching(template) {
        errors.at(key.literal.span(), caret::point(&message, &template.source, &range));
    }
}

/// Finds neighbouring placeholders that no separator keeps apart.
///
/// `<a>-<b>` would render `x-y`, `z` and `x`, `y-z` alike.
fn touching(template: &Template) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    let mut last: Option<&Placeholder> = None;
    let mut apart = true;
    for segment in &template.segments {
        match segment {
            Segment::Text(text) => apart |= text.contains(is_separator),
            Segment::Placeholder(next) => {
                if let Some(before) = last
                    && !apart
                {
                    let message = format!(
                        "nothing separates `{}` from `{}`, so different values could give one key: put a character between \
                         them that values escape, such as `:` or `/`",
                        before.written(&template.source),
                        next.written(&template.source),
                    );
                    found.push((message, before.range.start..next.range.end));
                }
                last = Some(next);
                apart = false;
            }
        }
    }
    found
}

/// Whether a value always escapes the character, so that it never occurs in one.
fn is_separator(char: char) -> bool {
    !(char.is_ascii_alphanumeric() || "_.@-".contains(char) || "%~(),".contains(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(source: &str) -> Template {
        Template::parse(source).unwrap()
    }

    fn touches(source: &str) -> Vec<Range<usize>> {
        touching(&parse(source)).into_iter().map(|(_, range)| range).collect()
    }

    #[test]
    fn placeholders_need_a_separator() {
        for fine in [
            "<a>",
            "<a>:<b>",
            "<a>/<b>",
            "<a>-:-<b>",
            "x<a>",
            "<a>x",
            "<a><<<b>",
            "<a>}{<b>",
            "<a> <b>",
            "<a>ß<b>",
        ] {
            assert!(touches(fine).is_empty(), "{fine}");
        }
        for wrong in [
            "<a><b>", "<a>-<b>", "<a>x<b>", "<a>.<b>", "<a>%<b>", "<a>~<b>", "<a>,<b>", "<a>)(<b>",
            "<a>@_<b>",
        ] {
            assert_eq!(touches(wrong).first(), Some(&(0..wrong.len())), "{wrong}");
        }
    }

    #[test]
    fn each_pair_is_reported() {
        assert_eq!(touches("x:<a>-<b>-<c>:<d><e>"), [2..9, 6..13, 14..20]);
    }
}
