//! Renders a template's segments into a key.

use super::Key;
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
