//! Renders a template's segments into a key.

use super::part::{KeyPart, PartWriter};
use super::{Key, LOCK_SUFFIX, is_lock_name};
use crate::error::InvalidKey;

/// Collects the segments of one template in order; the attribute's expansion drives it.
#[derive(Debug)]
pub struct KeyWriter {
    name: String,
    template: &'static str,
    ends_with_part_at: Option<usize>,
}

impl KeyWriter {
    /// Starts a key of `template`, which serves as its label in errors and events.
    pub fn new(template: &'static str) -> Self {
        let name = String::with_capacity(template.len() + 16);
        Self { name, template, ends_with_part_at: None }
    }

    /// Appends literal text as it is.
    pub fn literal(&mut self, text: &str) {
        self.name.push_str(text);
        self.ends_with_part_at = None;
    }

    /// Appends an interpolated value, escaped.
    pub fn part(&mut self, value: &(impl KeyPart + ?Sized)) {
        self.ends_with_part_at = Some(self.name.len());
        value.write_part(&mut PartWriter::new(&mut self.name));
    }

    pub(crate) fn template(&self) -> &'static str {
        self.template
    }

    /// Puts `prefix` in front and validates the whole.
    pub(crate) fn finish(mut self, prefix: &str) -> (Key, Result<(), InvalidKey>) {
        self.leave_the_lock_names();
        Key::new(prefix, self.name, Some(self.template))
    }

    /// `{org:<org>}:<name>` with the name `lock` would be the lock of the key `{org:1}`, so that
    /// one part is written as `%6Cock`: it still decodes to itself, and no other value is ever
    /// written so, because an `l` is never escaped otherwise.
    fn leave_the_lock_names(&mut self) {
        let part = LOCK_SUFFIX.len() - 1;
        if self.ends_with_part_at == self.name.len().checked_sub(part) && is_lock_name(&self.name) {
            self.name.replace_range(self.name.len() - part..=self.name.len() - part, "%6C");
        }
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
    fn the_prefix_comes_first() {
        let mut writer = KeyWriter::new("user:<id>");
        writer.literal("user:");
        writer.part(&42);
        assert_eq!(writer.finish("app:").0.as_str(), "app:user:42");
    }
}
