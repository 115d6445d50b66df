//! The template renders keys that cannot be taken for each other, nor for a lock.
//!
//! What the runtime does with it: a value renders with every character outside `[A-Za-z0-9_.@-]` escaped, and its structure
//! (`None`, lists, tuples) with `%~(),`. The lock of a key `K` is `K:lock` if `K` holds a Redis Cluster hash tag, and `{K}:lock`
//! otherwise; both are meant to fall into the cluster slot of `K`.

use std::ops::Range;

use crate::bind::Key;
use crate::caret;
use crate::errors::Errors;
use crate::template::{Placeholder, Segment, Template};

/// What the name of a lock ends with.
const LOCK: &str = ":lock";

/// Reports every rule that the template breaks.
pub(crate) fn check(key: &Key, errors: &mut Errors) {
    let template = &key.template;
    let mistakes =
        touching(template).into_iter().chain(stray_brace(template)).chain(reserved(template));
    for (message, range) in mistakes {
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

/// Finds the `}` that keeps `{K}:lock` from being in the slot of `K`, if `K` has no hash tag.
fn stray_brace(template: &Template) -> Option<(String, Range<usize>)> {
    if has_hash_tag(&outline(template)) {
        return None;
    }
    let start = template.source.find('}')?;
    let message = "this `}` closes no hash tag, so the key and its lock would be in different Redis Cluster slots: \
                   open one before it, as in `{org:<org>}`, or leave it out";
    Some((message.to_owned(), start..start + 1))
}

/// Finds a key that reads as the lock of another.
fn reserved(template: &Template) -> Option<(String, Range<usize>)> {
    let outline = outline(template);
    let locked = outline.strip_suffix(LOCK)?;
    if !has_hash_tag(locked) {
        return None;
    }
    let end = template.source.len();
    let message = "a key that ends with `:lock` after a hash tag is the lock of another key: choose a different ending";
    Some((message.to_owned(), end.checked_sub(LOCK.len())?..end))
}

/// The template with one character for each value, which is never empty and holds no brace.
fn outline(template: &Template) -> String {
    let piece = |segment: &Segment| match segment {
        Segment::Text(text) => text.clone(),
        Segment::Placeholder(_) => "_".to_owned(),
    };
    template.segments.iter().map(piece).collect()
}

/// The rule of Redis Cluster: the first `{`, the first `}` after it, and something between them.
fn has_hash_tag(key: &str) -> bool {
    key.split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .is_some_and(|(tag, _)| !tag.is_empty())
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

    #[test]
    fn hash_tags_by_the_rule_of_redis() {
        for tagged in ["{a}", "x{a}y", "{a}{", "{{a}", "a{b}c}"] {
            assert!(has_hash_tag(tagged), "{tagged}");
        }
        for plain in ["", "a", "{", "}", "{}", "{}{a}", "a}b{c", "}{"] {
            assert!(!has_hash_tag(plain), "{plain}");
        }
    }

    #[test]
    fn a_brace_outside_of_a_hash_tag() {
        let place = |source| stray_brace(&parse(source)).map(|(_, range)| range);
        assert_eq!(place("{org:<org>}:x"), None);
        assert_eq!(place("{<org>}"), None);
        assert_eq!(place("a{b"), None);
        assert_eq!(place("a}"), Some(1..2));
        assert_eq!(place("{}:<id>"), Some(1..2));
        assert_eq!(place("<a>}:{<b>"), Some(3..4));
    }

    #[test]
    fn names_of_locks_are_reserved() {
        let place = |source| reserved(&parse(source)).map(|(_, range)| range);
        assert_eq!(place("{user:<id>}:lock"), Some(11..16));
        assert_eq!(place("{a}b:lock"), Some(4..9));
        assert_eq!(place("user:<id>:lock"), None);
        assert_eq!(place("{a}:locks"), None);
        assert_eq!(place("x:{lock}:<id>"), None);
        assert_eq!(place("{a:lock"), None);
    }
}
