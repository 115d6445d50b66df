//! The fuzz targets of `fuzz/`, on any toolchain.
//!
//! `entry` and `template` say what holds, for the targets and for this. Here the committed corpus is
//! checked, then mutations of it: for 2.5 s, for 60 s with `CACHEFENCE_LONG=1`. A failure prints its
//! seed and its input, and `CACHEFENCE_SEED=n` runs only that one.

#[path = "../keys/dice.rs"]
mod dice;
mod entry;
mod mutate;
mod target;
mod template;

use target::Target;

const ENTRY: Target = Target {
    name: "entry",
    check: entry::check,
    kinds: &["entry", "mark", "stray", "foreign"],
    tokens: &[
        b"\0",
        b"CF2\0",
        b"CF3\0",
        b"CF2\0\x49\xc6\x45\xdc",
        b"\0\0\0\0\0\0\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
};

const TEMPLATE: Target = Target {
    name: "template",
    check: template::check,
    kinds: &["template", "mistake"],
    tokens: &[
        b"<",
        b">",
        b"<<",
        b">>",
        b"<a>",
        b".",
        b".0",
        b".4294967295",
        b"()",
        b"::",
        b"r#",
        b"_",
        b"{",
        b"}",
        b" ",
        "ß".as_bytes(),
        "\u{301}".as_bytes(),
        b"\xf0\x9f",
    ],
};

#[test]
fn what_is_under_a_key_is_told_by_its_format_and_fingerprint_in_the_corpus() {
    ENTRY.replay();
}

#[test]
fn what_is_under_a_key_is_told_by_its_format_and_fingerprint_whatever_it_is() {
    ENTRY.explore();
}

#[test]
fn a_template_is_what_its_segments_spell_or_has_mistakes_with_places_in_the_corpus() {
    TEMPLATE.replay();
}

#[test]
fn a_template_is_what_its_segments_spell_or_has_mistakes_with_places_whatever_it_is() {
    TEMPLATE.explore();
}
