//! Markdown as GitHub reads it: links, and the names of headings.

use std::collections::BTreeMap;
use std::ops::Range;

use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag, TagEnd};

/// Where a link or an image leads.
pub(crate) struct Destination {
    /// As it is written.
    pub(crate) to: String,
    /// Its bytes in the document.
    pub(crate) span: Range<usize>,
    pub(crate) is_image: bool,
    /// The label, for the definition of a link: `[label]: destination`.
    pub(crate) label: Option<String>,
}

#[derive(Default)]
pub(crate) struct Document {
    pub(crate) destinations: Vec<Destination>,
    /// Labels that are used and not defined.
    pub(crate) undefined: Vec<String>,
    /// What may stand after `#` in a link to this document.
    pub(crate) anchors: Vec<String>,
}

pub(crate) fn parse(text: &str) -> Document {
    let mut document = Document::default();
    let mut images = Vec::new(); // labels that an image uses
    let mut headings = BTreeMap::new();
    let mut heading: Option<String> = None;

    let mut undefined = Vec::new();
    let mut note = |link: BrokenLink<'_>| {
        // `[text]` alone may be an item of the crate, which only rustdoc knows.
        if link.link_type == LinkType::Reference {
            undefined.push(link.reference.into_string());
        }
        None
    };
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut parser =
        Parser::new_with_broken_link_callback(text, options, Some(&mut note)).into_offset_iter();
    for (event, range) in parser.by_ref() {
        match event {
            Event::Start(
                ref tag @ (Tag::Link { link_type, ref dest_url, ref id, .. }
                | Tag::Image { link_type, ref dest_url, ref id, .. }),
            ) => {
                let is_image = matches!(tag, Tag::Image { .. });
                if link_type == LinkType::Inline {
                    document.destinations.push(Destination {
                        to: dest_url.to_string(),
                        span: find(text, range, dest_url),
                        is_image,
                        label: None,
                    });
                } else if is_image {
                    images.push(id.to_lowercase());
                }
            }
            Event::Html(_) | Event::InlineHtml(_) => {
                document.destinations.extend(attributes(text, range));
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap_or_default());
                let count = headings.entry(anchor.clone()).or_insert(0);
                document.anchors.push(if *count == 0 {
                    anchor
                } else {
                    format!("{anchor}-{count}")
                });
                *count += 1;
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
    }
    for (label, definition) in parser.reference_definitions().iter() {
        document.destinations.push(Destination {
            to: definition.dest.to_string(),
            span: find(text, definition.span.clone(), &definition.dest),
            is_image: images.contains(&label.to_lowercase()),
            label: Some(label.to_owned()),
        });
    }
    drop(parser);
    document.undefined = undefined;
    document
}

/// The last place of `part` in this range.
fn find(text: &str, range: Range<usize>, part: &str) -> Range<usize> {
    let from = text[range.clone()]
        .rfind(part)
        .unwrap_or_else(|| panic!("{part} is not in {:?}", &text[range.clone()]));
    let start = range.start + from;
    start..start + part.len()
}

/// Links and images that are written as HTML.
fn attributes(text: &str, range: Range<usize>) -> Vec<Destination> {
    let mut found = Vec::new();
    for (name, is_image) in [(" href=\"", false), (" src=\"", true), (" srcset=\"", true)] {
        for (at, _) in text[range.clone()].match_indices(name) {
            let start = range.start + at + name.len();
            let length = text[start..].find('"').expect("an attribute ends");
            let span = start..start + length;
            found.push(Destination {
                to: text[span.clone()].to_owned(),
                span,
                is_image,
                label: None,
            });
        }
    }
    found
}

/// The anchor that GitHub and rustdoc make of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
}

#[test]
fn links_of_every_form_are_found() {
    let text = "# A `key`, twice\n[in](a.md#x) ![pic](b.svg) [by][label] [no][such] `[code](c.md)`\n\n# A key twice\n\n\
                <img alt=\"\" src=\"d.svg\">\n\n[label]: e.md 'title'\n";
    let document = parse(text);
    let found: Vec<_> =
        document.destinations.iter().map(|one| (&text[one.span.clone()], one.is_image)).collect();
    assert_eq!(found, [("a.md#x", false), ("b.svg", true), ("d.svg", true), ("e.md", false)]);
    assert_eq!(document.undefined, ["such"]);
    assert_eq!(document.anchors, ["a-key-twice", "a-key-twice-1"]);
}
