//! Renders a template's segments into a key.

use super::part::{KeyPart, PartWriter};
use super::{Key, is_lock_name};
use crate::error::InvalidKey;

/// What parts and a namespace find room in beside the template's own text, so that most keys are
/// one allocation.
const ROOM: usize = 64;

/// Collects the segments of one template in order; the attribute's expansion drives it.
#[derive(Debug)]
pub struct KeyWriter {
    name: String,
    template: &'static str,
    /// Where the part begins that was written last, if nothing was written after it.
    last_part: Option<usize>,
    failed: bool,
}

impl KeyWriter {
    /// Starts a key of `template`, which serves as its label in errors and events.
    pub fn new(template: &'static str) -> Self {
        let name = String::with_capacity(template.len() + ROOM);
        Self { name, template, last_part: None, failed: false }
    }

    /// Appends literal text as it is.
    pub fn literal(&mut self, text: &str) {
        if self.last_part == Some(self.name.len()) && text.starts_with('}') {
            self.fill_the_hash_tag();
        }
        self.name.push_str(text);
        self.last_part = None;
    }

    /// Appends an interpolated value, escaped.
    pub fn part(&mut self, value: &(impl KeyPart + ?Sized)) {
        self.last_part = Some(self.name.len());
        let mut part = PartWriter::new(&mut self.name);
        value.write_part(&mut part);
        self.failed |= part.failed();
    }

    /// Puts `prefix` in front and validates the whole.
    pub(crate) fn finish(mut self, prefix: &str) -> (Key, Result<(), InvalidKey>) {
        self.leave_the_lock_names();
        let (key, valid) = Key::new(prefix, self.name, Some(self.template));
        let valid = if self.failed { Err(InvalidKey::unwritten(self.template)) } else { valid };
        (key, valid)
    }

    /// `{<org>}:<name>` with an empty `org` would hold no hash tag, and its lock be in another slot, so
    /// nothing is written as a `%` there, which otherwise two digits follow.
    fn fill_the_hash_tag(&mut self) {
        if self.name.ends_with('{') {
            self.name.push('%');
        }
    }

    /// `{org:<org>}:<name>` with the name `lock` would be the lock of the key `{org:1}`, so that
    /// one part is written as `%6Cock`: it still decodes to itself, and no other value is ever
    /// written so, because an `l` is never escaped otherwise. It is the same for the rest of `lock`
    /// where the template holds its beginning, and a part of nothing after `:lock` becomes a `%`.
    fn leave_the_lock_names(&mut self) {
        let Some(at) = self.last_part.filter(|_| is_lock_name(&self.name)) else { return };
        let written = match self.name.get(at..) {
            Some("lock") => "%6Cock",
            Some("ock") => "%6Fck",
            Some("ck") => "%63k",
            Some("k") => "%6B",
            Some("") => "%",
            _ => return,
        };
        self.name.truncate(at);
        self.name.push_str(written);
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
    fn a_part_never_makes_a_key_anothers_lock() {
        assert_eq!(write(7, "lock").as_str(), "{org:7}:%6Cock");
        assert_eq!(write(7, "clock").as_str(), "{org:7}:clock");
        assert_ne!(write(7, "%6Cock"), write(7, "lock"));
    }

    #[test]
    fn nor_does_the_end_of_one() {
        let write = |text: &str, part: &str| {
            let mut writer = KeyWriter::new("");
            writer.literal("{org}");
            writer.literal(text);
            writer.part(part);
            writer.finish("")
        };
        for (text, part, written) in [
            (":", "lock", "{org}:%6Cock"),
            (":l", "ock", "{org}:l%6Fck"),
            (":lo", "ck", "{org}:lo%63k"),
            (":loc", "k", "{org}:loc%6B"),
            (":lock", "", "{org}:lock%"),
            (":lock", "k", "{org}:lockk"),
            ("", ":lock", "{org}%3Alock"),
        ] {
            let (key, valid) = write(text, part);
            assert_eq!((key.as_str(), valid), (written, Ok(())));
        }
        assert!(write(":lock", "%").0 != write(":lock", "").0);
    }

    #[test]
    fn an_empty_part_is_a_hash_tag_too() {
        let mut writer = KeyWriter::new("{<org>}:<name>");
        writer.literal("{");
        writer.part("");
        writer.literal("}:");
        writer.part("");
        let (key, valid) = writer.finish("");
        assert_eq!((key.as_str(), valid), ("{%}:", Ok(())));
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
