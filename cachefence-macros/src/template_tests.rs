use std::ops::Range;

use super::template::*;

fn text(text: &str) -> Segment {
    Segment::Text(text.to_owned())
}

fn placeholder(range: Range<usize>, argument: &str, accesses: Vec<Access>) -> Segment {
    let argument = argument.to_owned();
    Segment::Placeholder(Placeholder { range, argument, constant: None, accesses })
}

fn segments(source: &str) -> Vec<Segment> {
    Template::parse(source).unwrap().segments
}

fn mistakes(source: &str) -> Vec<(Range<usize>, String)> {
    let mistakes = Template::parse(source).unwrap_err();
    mistakes
        .into_iter()
        .map(|mistake| {
            let start = mistake.message.split(':').next().unwrap_or_default();
            (mistake.range, start.to_owned())
        })
        .collect()
}

#[test]
fn text_and_placeholders() {
    assert_eq!(segments("users"), [text("users")]);
    assert_eq!(
        segments("user:<tenant>:<id>"),
        [
            text("user:"),
            placeholder(5..13, "tenant", vec![]),
            text(":"),
            placeholder(14..18, "id", vec![]),
        ]
    );
}

#[test]
fn fields_indices_methods_and_raw_names() {
    assert_eq!(
        segments("<self.tenant><pair.0.1><a.b.c()><r#type.r#fn>"),
        [
            placeholder(0..13, "self", vec![Access::Field("tenant".to_owned())]),
            placeholder(13..23, "pair", vec![Access::Index(0), Access::Index(1)]),
            placeholder(
                23..32,
                "a",
                vec![Access::Field("b".to_owned()), Access::Method("c".to_owned())]
            ),
            placeholder(32..45, "type", vec![Access::Field("fn".to_owned())]),
        ]
    );
}

#[test]
fn constants_of_parameters() {
    let constant = |range, accesses| {
        Segment::Placeholder(Placeholder {
            range,
            argument: "T".to_owned(),
            constant: Some("NAME".to_owned()),
            accesses,
        })
    };
    assert_eq!(segments("<T::NAME>"), [constant(0..9, vec![])]);
    assert_eq!(segments("<r#T::r#NAME.0>"), [constant(0..15, vec![Access::Index(0)])]);
    let message = |source| Template::parse(source).unwrap_err().remove(0).message;
    assert_eq!(
        message("<T::name()>"),
        "`<T::name()>` is no placeholder: only the name of a constant can follow `::`, and only a type parameter can stand before \
         it, as in `<T::NAME>`"
    );
}

#[test]
fn doubled_brackets_and_braces_are_literal() {
    assert_eq!(segments("a<<b>>c"), [text("a<b>c")]);
    assert_eq!(
        segments("{org:<org>}"),
        [text("{org:"), placeholder(5..10, "org", vec![]), text("}")]
    );
    assert_eq!(
        segments("<a><<<b>>>"),
        [placeholder(0..3, "a", vec![]), text("<"), placeholder(5..8, "b", vec![]), text(">"),]
    );
}

#[test]
fn ranges_are_bytes() {
    assert_eq!(segments("größe:<größe>"), [text("größe:"), placeholder(8..17, "größe", vec![])]);
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    assert_eq!(
        mistakes("a<>b<id c>d>e<f"),
        [
            (1..3, "empty placeholder".to_owned()),
            (4..10, "`<id c>` is no placeholder".to_owned()),
            (11..12, "stray `>`".to_owned()),
            (13..15, "`<` without `>`".to_owned()),
        ]
    );
    assert_eq!(mistakes(""), [(0..0, "the key is empty".to_owned())]);
}

#[test]
fn an_unclosed_placeholder_ends_where_the_next_begins() {
    assert_eq!(mistakes("<a:<b>"), [(0..3, "`<` without `>`".to_owned())]);
}

#[test]
fn what_is_no_placeholder() {
    for wrong in [
        "<0>",
        "<_>",
        "<a.>",
        "<.a>",
        "<a()>",
        "<a.b(c)>",
        "<a[0]>",
        "<a.00>",
        "<a.+1>",
        "< a>",
        "<a?>",
        "<&a>",
        "<a.0()>",
        "<a.99999999999>",
        "<a::>",
        "<::a>",
        "<a::b()>",
        "<a::b::c>",
        "<a::0>",
        "<a.b::c>",
        "<a:b>",
        "<->",
    ] {
        let found = mistakes(wrong);
        assert_eq!(found.len(), 1, "{wrong}");
        assert!(found[0].1.ends_with("is no placeholder") || wrong.contains(':'), "{found:?}");
    }
}

#[test]
fn the_parser_never_panics() {
    // Every text of up to six characters, out of those that mean something in a template.
    let alphabet = ['<', '>', 'a', '.', ':', '(', 'ß'];
    let mut texts = vec![String::new()];
    for _ in 0..6 {
        texts = texts
            .iter()
            .flat_map(|text| alphabet.iter().map(move |char| format!("{text}{char}")))
            .collect();
        for text in &texts {
            if let Err(mistakes) = Template::parse(text) {
                assert!(mistakes.iter().all(|mistake| text.get(mistake.range.clone()).is_some()));
            }
        }
    }
}
