//! The key template: text with placeholders.
//!
//! ```text
//! template    = { text | "<<" | ">>" | placeholder }
//! placeholder = "<" name [ "::" name ] { "." ( name [ "()" ] | index ) } ">"
//! ```
//!
//! The name after `::` is a constant of a type parameter.
//!
//! `<<` and `>>` stand for one literal `<` and `>`; everything else, braces included, is literal. This module knows nothing of
//! Rust's syntax tree, and its parser never panics, whatever the text.

use std::ops::Range;

/// A parsed template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// The text as written, which every byte range refers to.
    pub(crate) source: String,
    /// The pieces, in order; two texts are never neighbours.
    pub(crate) segments: Vec<Segment>,
}

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Text that every key holds as it is, with `<<` and `>>` already undoubled.
    Text(String),
    /// A value that differs from call to call.
    Placeholder(Placeholder),
}

/// A placeholder, such as `<user.id()>`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Placeholder {
    /// Where it stands in the source, brackets included.
    pub(crate) range: Range<usize>,
    /// The argument or parameter that it starts from, without `r#`.
    pub(crate) argument: String,
    /// The constant of a type parameter, without `r#`: `NAME` of `<T::NAME>`.
    pub(crate) constant: Option<String>,
    /// The fields and methods that lead from the start to the value.
    pub(crate) accesses: Vec<Access>,
}

/// One step from a value to a part of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// `.name`, without `r#`.
    Field(String),
    /// `.0`
    Index(u32),
    /// `.name()`, without `r#`.
    Method(String),
}

/// A mistake in a template, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) message: String,
    pub(crate) range: Range<usize>,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Every mistake in the text.
    pub(crate) fn parse(source: &str) -> Result<Self, Vec<Mistake>> {
        let mut segments = Segments::default();
        let mut mistakes = Vec::new();
        let mut at = 0;
        while let Some(mark) = find_bracket(source, at) {
            segments.text(&source[at..mark]);
            let rest = &source[mark..];
            if rest.starts_with("<<") || rest.starts_with(">>") {
                segments.text(&rest[..1]);
                at = mark + 2;
            } else if rest.starts_with('>') {
                let range = mark..mark + 1;
                let message = "stray `>`: a literal `>` is written `>>`".to_owned();
                mistakes.push(Mistake { message, range });
                at = mark + 1;
            } else {
                let end = find_bracket(source, mark + 1).unwrap_or(source.len());
                if source[end..].starts_with('>') {
                    at = end + 1;
                    match Placeholder::parse(source, mark..at) {
                        Ok(placeholder) => {
                            segments.all.push(Segment::Placeholder(placeholder));
                        }
                        Err(mistake) => mistakes.push(mistake),
                    }
                } else {
                    let range = mark..end;
                    let message =
                        "`<` without `>`: a placeholder is written `<arg>`, a literal `<` is written `<<`"
                            .to_owned();
                    mistakes.push(Mistake { message, range });
                    at = end;
                }
            }
        }
        segments.text(&source[at..]);
        if source.is_empty() {
            let message = "the key is empty".to_owned();
            mistakes.push(Mistake { message, range: 0..0 });
        }
        if mistakes.is_empty() {
            Ok(Self { source: source.to_owned(), segments: segments.all })
        } else {
            Err(mistakes)
        }
    }
}

impl Placeholder {
    /// Parses the placeholder that fills `range` of `source`, brackets included.
    fn parse(source: &str, range: Range<usize>) -> Result<Self, Mistake> {
        let inner = &source[range.start + 1..range.end - 1];
        if inner.is_empty() {
            let message = "empty placeholder: name an argument, as in `<id>`".to_owned();
            return Err(Mistake { message, range });
        }
        let mut steps = inner.split('.');
        let start = steps.next().and_then(start);
        let accesses = steps.map(access).collect::<Option<Vec<_>>>();
        let (Some((argument, constant)), Some(accesses)) = (start, accesses) else {
            let message = if inner.contains("::") {
                format!(
                    "`<{inner}>` is no placeholder: only the name of a constant can follow `::`, and only a type \
                     parameter can stand before it, as in `<T::NAME>`"
                )
            } else {
                format!(
                    "`<{inner}>` is no placeholder: write an argument and the fields or methods that lead to the value, \
                     as in `<arg>`, `<arg.field>`, `<arg.0>`, `<arg.method()>`"
                )
            };
            return Err(Mistake { message, range });
        };
        Ok(Self { range, argument, constant, accesses })
    }

    /// The placeholder as written in `source`, brackets included.
    pub(crate) fn written<'a>(&self, source: &'a str) -> &'a str {
        source.get(self.range.clone()).unwrap_or_default()
    }
}

/// The segments so far: joins neighbouring texts.
#[derive(Default)]
struct Segments {
    all: Vec<Segment>,
}

impl Segments {
    fn text(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        if let Some(Segment::Text(text)) = self.all.last_mut() {
            text.push_str(more);
        } else {
            self.all.push(Segment::Text(more.to_owned()));
        }
    }
}

/// The index of the first `<` or `>` at or after `from`, a character boundary.
fn find_bracket(source: &str, from: usize) -> Option<usize> {
    let offset = source[from..].find(['<', '>'])?;
    Some(from + offset)
}

/// Reads what a placeholder starts from: a name, and the constant of it.
fn start(step: &str) -> Option<(String, Option<String>)> {
    match step.split_once("::") {
        None => Some((name(step)?, None)),
        Some((parameter, constant)) => Some((name(parameter)?, Some(name(constant)?))),
    }
}

/// Reads what follows a dot.
fn access(step: &str) -> Option<Access> {
    if let Some(method) = step.strip_suffix("()") {
        name(method).map(Access::Method)
    } else if step.starts_with(|char: char| char.is_ascii_digit()) {
        // Rust knows no index with leading zeros or a sign.
        let index: u32 = step.parse().ok()?;
        (index.to_string() == step).then_some(Access::Index(index))
    } else {
        name(step).map(Access::Field)
    }
}

/// Reads an identifier, raw or not; a lone `_` is none.
fn name(text: &str) -> Option<String> {
    let text = text.strip_prefix("r#").unwrap_or(text);
    let mut chars = text.chars();
    let first = chars.next()?;
    let valid = text != "_"
        && (first == '_' || first.is_alphabetic())
        && chars.all(|char| char == '_' || char.is_alphanumeric());
    valid.then(|| text.to_owned())
}
