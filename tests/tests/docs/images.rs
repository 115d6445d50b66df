//! The diagrams of the guide, in rustdoc.
//!
//! A page shows one as `![the life of a value][freshness.svg]`. The page ends with `[freshness.svg]: images/freshness.svg`, which
//! is the file beside it. rustdoc copies no files, so there `docs/images/links.md` comes first, in which each name is the
//! diagram itself, as a `data:` URI. A test keeps the two the same; `CACHEFENCE_BLESS=1` writes `links.md` anew.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use crate::repository::root;

/// The definitions in Markdown of the diagrams in `folder`, in the order of their names.
fn definitions(folder: &Path) -> String {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut diagrams: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|it| it == "svg")).collect();
    diagrams.sort();
    let mut definitions = String::new();
    for file in diagrams {
        let name = file.file_name().unwrap().to_str().unwrap();
        let uri = encoded(&fs::read_to_string(&file).unwrap());
        writeln!(definitions, "[{name}]: data:image/svg+xml,{uri}").unwrap();
    }
    definitions
}

/// `svg` for a URI and for a definition in Markdown: neither may hold a line break or a space.
fn encoded(svg: &str) -> String {
    let mut uri = String::new();
    for byte in svg.trim().bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b':'
            | b';'
            | b'='
            | b'/'
            | b',' => {
                uri.push(byte.into());
            }
            _ => write!(uri, "%{byte:02X}").unwrap(),
        }
    }
    uri
}

#[test]
fn rustdoc_shows_the_diagrams_as_they_are() {
    let folder = root().join("cachefence/docs/images");
    let (links, definitions) = (folder.join("links.md"), definitions(&folder));
    if env::var_os("CACHEFENCE_BLESS").is_some() {
        fs::write(&links, &definitions).unwrap();
    }
    let written = fs::read_to_string(&links).unwrap();
    assert!(
        written == definitions,
        "cachefence/docs/images/links.md is old: CACHEFENCE_BLESS=1 writes it anew"
    );
}

#[test]
fn a_diagram_is_small_and_says_in_words_what_it_shows() {
    let folder = root().join("cachefence/docs/images");
    for line in definitions(&folder).lines() {
        let (name, _) = line.split_once(':').unwrap();
        let svg = fs::read_to_string(folder.join(name.trim_matches(['[', ']']))).unwrap();
        for part in ["role=\"img\"", "<title", "<desc", "prefers-color-scheme: dark"] {
            assert!(svg.contains(part), "{name} has no {part}");
        }
        assert!(svg.len() < 12 << 10, "{name} has {} bytes", svg.len());
    }
}
