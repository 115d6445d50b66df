//! The name of the field in which two values differ, by what their `Debug` prints.
//!
//! Only names that stand in the source of a type are given: what a derived `Debug` prints in front of a struct's field.
//! The keys of a map look alike, and are a user's data; so a name counts only inside the braces that follow the name of
//! a struct, as in `User {`, where those of a map follow nothing.

use std::collections::HashMap;
use std::fmt::{self, Debug, Write};

/// The path of the first field of which `original` prints a line that `decoded` does not, or the other way around:
/// `profile.hash`. `None` if no field can be named.
pub(super) fn first_different(original: &dyn Debug, decoded: &dyn Debug) -> Option<String> {
    let (original, decoded) = (pretty(original), pretty(decoded));
    first_that_lacks(&original, &decoded).or_else(|| first_that_lacks(&decoded, &original))
}

/// The path of the first field of `text` with a line that `other` lacks.
fn first_that_lacks(text: &str, other: &str) -> Option<String> {
    let mut rest: HashMap<&str, usize> = HashMap::new();
    for line in other.lines() {
        *rest.entry(line).or_default() += 1;
    }
    let mut open: Vec<Open<'_>> = Vec::new();
    for line in text.lines() {
        let content = line.trim();
        if content.starts_with(['}', ')', ']']) {
            open.pop();
        }
        let name = open.last().is_some_and(|open| open.is_struct).then(|| name(content)).flatten();
        let is_known = rest.get_mut(line).is_some_and(|count| {
            let left = count.checked_sub(1);
            *count = left.unwrap_or_default();
            left.is_some()
        });
        if !is_known {
            let fields = open.iter().filter_map(|open| open.field).chain(name);
            let path = fields.collect::<Vec<_>>().join(".");
            return (!path.is_empty()).then_some(path);
        }
        if content.ends_with(['{', '(', '[']) {
            open.push(Open { field: name, is_struct: is_struct(content) });
        }
    }
    None
}

/// A value that has begun and not ended.
struct Open<'a> {
    /// The field that holds it.
    field: Option<&'a str>,
    is_struct: bool,
}

/// Whether a line begins a struct: `User {`, `user: User {`, `user: Some(User {`.
fn is_struct(line: &str) -> bool {
    let before = line.strip_suffix(" {").and_then(|before| before.chars().next_back());
    before.is_some_and(|char| char == '_' || char == '>' || char.is_alphanumeric())
}

/// The name of the field that a line begins with: `hash: None,`.
fn name(line: &str) -> Option<&str> {
    const LONGEST: usize = 100;
    let (name, _) = line.split_once(": ")?;
    let is_name = name.starts_with(|first: char| first == '_' || first.is_alphabetic())
        && name.chars().all(|char| char == '_' || char.is_alphanumeric());
    (is_name && name.len() <= LONGEST).then_some(name)
}

/// What a value prints, on lines of its own, and not more of it than is worth looking through.
fn pretty(value: &dyn Debug) -> String {
    let mut text = Beginning(String::new());
    // An error says that the text has been cut off, or that the value cannot be printed.
    let _ = write!(text, "{value:#?}");
    text.0
}

struct Beginning(String);

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const LONGEST: usize = 1 << 20;
        if self.0.len() + text.len() > LONGEST {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Clone, Default)]
    #[allow(dead_code)] // printed
    struct Account {
        id: u8,
        profile: Option<Profile>,
        tags: BTreeMap<Raw, u8>,
        nested: Vec<(u8, Kind)>,
    }

    #[derive(Debug, Clone, Default)]
    #[allow(dead_code)]
    struct Profile {
        r#type: u8,
        hash: Option<&'static str>,
    }

    #[derive(Debug, Clone)]
    #[allow(dead_code)]
    enum Kind {
        Named { first: u8 },
    }

    /// Prints itself without quotes, so that a key of a map looks like a field.
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Raw(&'static str);

    impl Debug for Raw {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    fn account() -> Account {
        Account {
            id: 1,
            profile: Some(Profile { r#type: 2, hash: Some("h") }),
            tags: BTreeMap::from([(Raw("secret"), 1)]),
            nested: vec![(1, Kind::Named { first: 1 })],
        }
    }

    fn changed(change: impl FnOnce(&mut Account)) -> Option<String> {
        let mut changed = account();
        change(&mut changed);
        let (there, back) =
            (first_different(&account(), &changed), first_different(&changed, &account()));
        assert_eq!(there, back);
        there
    }

    #[test]
    fn a_field_is_named_by_its_path() {
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(changed(|account| account.id = 2), named("id"));
        assert_eq!(changed(|account| account.profile = None), named("profile"));
        let hash = |hash| changed(|account| account.profile.as_mut().unwrap().hash = hash);
        assert_eq!(hash(None), named("profile.hash"));
        assert_eq!(hash(Some("x")), named("profile.hash"));
        let first = changed(|account| account.nested[0].1 = Kind::Named { first: 2 });
        assert_eq!(first, named("nested.first"));
        assert_eq!(changed(|account| account.nested[0].0 = 3), named("nested"));
    }

    #[test]
    fn the_key_of_a_map_is_no_name() {
        for change in [
            BTreeMap::new(),
            BTreeMap::from([(Raw("secret"), 2)]),
            BTreeMap::from([(Raw("other"), 1)]),
        ] {
            assert_eq!(changed(|account| account.tags = change).as_deref(), Some("tags"));
        }
        let map = |value| BTreeMap::from([(Raw("secret"), value)]);
        assert_eq!(first_different(&map(1), &map(2)), None);
        assert_eq!(first_different(&"secret: 1", &"secret: 2"), None);
    }

    #[test]
    fn a_value_without_fields_names_none() {
        assert_eq!(first_different(&1, &2), None);
        assert_eq!(first_different(&vec![(1, "a")], &vec![(1, "b")]), None);
    }
}
