//! What holds for a key template, whatever is written there.

#[path = "../../../cachefence-macros/src/template.rs"]
#[allow(dead_code, unreachable_pub)]
mod parser;

use parser::{Access, Mistake, Placeholder, Segment, Template};

/// Checks everything that can be said of `input`; says what it is: `template` or `mistake`.
///
/// # Panics
///
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> &'static str {
    let source = String::from_utf8_lossy(input);
    match Template::parse(&source) {
        Ok(template) => {
            check_template(&source, &template);
            "template"
        }
        Err(mistakes) => {
            check_mistakes(&source, &mistakes);
            "mistake"
        }
    }
}

/// A caret can be drawn below every mistake, one after the other.
fn check_mistakes(source: &str, mistakes: &[Mistake]) {
    assert!(!mistakes.is_empty(), "refused without a reason");
    let mut after = 0;
    for Mistake { message, range } in mistakes {
        let place = source.get(range.clone());
        let place = place.unwrap_or_else(|| panic!("no characters stand at {range:?}"));
        assert!(!place.is_empty() || source.is_empty(), "nothing at {range:?} is a mistake");
        assert!(range.start >= after, "{range:?} overlaps the mistake before it");
        assert!(!message.is_empty());
        after = range.end;
    }
}

/// The segments are what is written, no more and no less, and they are what their own spelling gives.
fn check_template(source: &str, template: &Template) {
    assert_eq!(template.source, source);
    let as_written = |placeholder: &Placeholder| {
        let written = placeholder.written(source);
        assert!(written.starts_with('<') && written.ends_with('>'), "{written:?} has no brackets");
        written.to_owned()
    };
    assert_eq!(render(template, as_written), source);

    let rendered = render(template, spell);
    let again = Template::parse(&rendered);
    let again =
        again.unwrap_or_else(|mistakes| panic!("{rendered:?} does not parse: {mistakes:?}"));
    assert_eq!(render(&again, spell), rendered);
    assert_eq!(again.segments.len(), template.segments.len(), "{rendered:?}");
    for (again, segment) in again.segments.iter().zip(&template.segments) {
        match (again, segment) {
            (Segment::Text(again), Segment::Text(text)) => {
                assert_eq!(again, text);
                assert!(!text.is_empty(), "a text is empty");
            }
            (Segment::Placeholder(again), Segment::Placeholder(placeholder)) => {
                assert_eq!(again.argument, placeholder.argument);
                assert_eq!(again.constant, placeholder.constant);
                assert_eq!(again.accesses, placeholder.accesses);
            }
            _ => panic!("{segment:?} became {again:?}"),
        }
    }
}

/// The template as text, with what `placeholder` says in the place of each.
fn render(template: &Template, placeholder: impl Fn(&Placeholder) -> String) -> String {
    let render = |segment: &Segment| match segment {
        Segment::Text(text) => text.replace('<', "<<").replace('>', ">>"),
        Segment::Placeholder(part) => placeholder(part),
    };
    template.segments.iter().map(render).collect()
}

/// A placeholder from what it was parsed into, so without `r#`.
fn spell(placeholder: &Placeholder) -> String {
    let access = |access: &Access| match access {
        Access::Field(name) => format!(".{name}"),
        Access::Index(index) => format!(".{index}"),
        Access::Method(name) => format!(".{name}()"),
    };
    let accesses: String = placeholder.accesses.iter().map(access).collect();
    let constant = placeholder.constant.as_ref().map(|name| format!("::{name}"));
    format!("<{}{}{accesses}>", placeholder.argument, constant.unwrap_or_default())
}
