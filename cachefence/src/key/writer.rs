//! Renders a template's segments into a key.

use std::any::type_name;

use xxhash_rust::xxh3::xxh3_64;

use super::Key;
use super::enclosing::enclosing;
use super::escape::push_hex;
use super::part::{KeyPart, PartWriter};
use crate::error::InvalidKey;

/// Room for the parts and a namespace beside the template's own text, in bytes, so that most keys
/// take one allocation.
const ROOM: usize = 64;

/// Collects the segments of one template in order; the attribute's expansion drives it.
#[derive(Debug)]
pub struct KeyWriter {
    name: String,
    template: &'static str,
    failed: bool,
}

impl KeyWriter {
    /// Starts a key of `template`, which serves as its label in errors and events.
    pub fn new(template: &'static str) -> Self {
        let name = String::with_capacity(template.len() + ROOM);
        Self { name, template, failed: false }
    }

    /// Appends literal text as it is.
    pub fn literal(&mut self, text: &str) {
        self.name.push_str(text);
    }

    /// Appends an interpolated value, escaped.
    pub fn part(&mut self, value: &(impl KeyPart + ?Sized)) {
        let mut part = PartWriter::new(&mut self.name);
        value.write_part(&mut part);
        self.failed |= part.failed();
    }

    /// Appends literal text, and an interpolated value after it.
    #[inline]
    pub fn part_after(&mut self, text: &str, value: &(impl KeyPart + ?Sized)) {
        self.literal(text);
        self.part(value);
    }

    /// Appends `~` and a hash of the type that encloses the function in which `_closure` stands, if that type is generic or has a
    /// trait. No part holds a `~` before a digit, so a hash is no part's end.
    ///
    /// `plain` is how the name of a closure ends in the function, if the function has no parameters of its own. It only makes this
    /// fast where there is nothing to append: the compiler knows both texts, and leaves nothing of the comparison.
    #[inline]
    pub fn enclosing<F>(&mut self, _closure: F, plain: &str) {
        let name = type_name::<F>();
        let path = name.strip_suffix(plain).map(str::as_bytes);
        if path.is_none_or(|path| path.last() == Some(&b'>')) {
            self.append_enclosing(name);
        }
    }

    fn append_enclosing(&mut self, closure: &str) {
        if let Some(of) = enclosing(closure) {
            self.name.push('~');
            for byte in xxh3_64(of.as_bytes()).to_be_bytes() {
                push_hex(byte, b"0123456789abcdef", &mut self.name);
            }
        }
    }

    /// Puts `prefix` in front and validates the whole.
    pub(crate) fn finish(self, prefix: &str) -> (Key, Result<(), InvalidKey>) {
        let (key, valid) = Key::new(prefix, self.name, Some(self.template));
        let valid = if self.failed { Err(InvalidKey::unwritten(self.template)) } else { valid };
        (key, valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(org: u32, name: &str) -> Key {
        let mut writer = KeyWriter::new("{org:<org>}:<name>");
        writer.literal("{org:");
        writer.part(&org);
        writer.literal("}:");
        writer.part(name);
        writer.finish("").0
    }

    #[test]
    fn literals_stay_and_parts_are_escaped() {
        assert_eq!(write(7, "a:b").as_str(), "{org:7}:a%3Ab");
    }

    #[test]
    fn the_hash_of_a_type_is_xxh3_of_its_name() {
        let mut writer = KeyWriter::new("<id>");
        writer.part(&1);
        writer.append_enclosing("app::Repo<app::Users>::title::{{closure}}");
        // By the reference implementation, `xxhsum -H3`, of `app::Repo<app::Users>`.
        assert_eq!(writer.finish("").0.as_str(), "1~017415033a7b4647");
    }

    #[test]
    fn a_function_without_a_type_appends_nothing() {
        let (mut plain, mut named_otherwise) = (KeyWriter::new("k"), KeyWriter::new("k"));
        for (writer, tail) in [(&mut plain, "{{closure}}"), (&mut named_otherwise, "other")] {
            writer.literal("k");
            writer.enclosing(|| {}, tail);
        }
        assert_eq!(plain.finish("").0.as_str(), "k");
        assert_eq!(named_otherwise.finish("").0.as_str(), "k");
    }

    #[test]
    fn an_empty_hash_tag_is_a_key_too() {
        let mut writer = KeyWriter::new("{<org>}:<name>");
        writer.literal("{");
        writer.part("");
        writer.literal("}:");
        writer.part("");
        let (key, valid) = writer.finish("");
        assert_eq!((key.as_str(), valid), ("{~}{}:", Ok(())));
    }

    #[test]
    fn what_cannot_be_displayed_makes_no_key() {
        struct Silent;
        impl std::fmt::Display for Silent {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                Err(std::fmt::Error)
            }
        }
        impl KeyPart for Silent {
            fn write_part(&self, part: &mut PartWriter<'_>) {
                part.display(self);
            }
        }
        let mut writer = KeyWriter::new("a:<a>:<b>");
        writer.literal("a:");
        writer.part(&[Silent]);
        writer.literal(":");
        writer.part(&1);
        let error = writer.finish("").1.unwrap_err().to_string();
        assert!(error.contains("`a:<a>:<b>`"), "{error}");
    }

    #[test]
    fn the_prefix_comes_first() {
        let mut writer = KeyWriter::new("user:<id>");
        writer.literal("user:");
        writer.part(&42);
        assert_eq!(writer.finish("app:").0.as_str(), "app:user:42");
    }
}
