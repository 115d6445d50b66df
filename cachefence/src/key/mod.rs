//! Keys: what an entry is called in the store, and what its slots are called.

mod enclosing;
mod escape;
mod long;
mod names;
mod part;
mod provided;
mod writer;

pub use long::MAX_WHOLE_KEY_BYTES;
#[cfg(feature = "redis")]
pub(crate) use names::hash_tag;
pub use part::{KeyPart, PartWriter, write_fields};
pub use writer::KeyWriter;

use std::fmt;
use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::InvalidKey;

/// The name of one entry, as the store holds it: the namespace, then the key. Where these have more
/// than [`MAX_WHOLE_KEY_BYTES`] together, their end is replaced by the SHA-256 of the whole.
///
/// Any text but the empty one is a key. The `Debug` output shows the template that the key was rendered
/// from, never the key itself, because keys hold users' data.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use cachefence::testing::key;
///
/// let key = key("user:42"); // a store is given its keys; a test makes them
/// assert_eq!(key.as_str(), "user:42");
/// assert_eq!(key.template(), None);
/// assert_ne!(key.lease_name(), key.hedge_name());
/// println!("{:016x}", key.fingerprint());
/// # }
/// ```
#[derive(Clone)]
pub struct Key {
    name: String,
    template: Option<&'static str>,
    /// How many bytes of the name are the namespace and its `:`.
    prefix: usize,
}

impl Key {
    /// Puts `prefix`, a namespace as [`prefix`] renders it, in front of `name`, and says what is
    /// wrong with the whole.
    pub(crate) fn new(
        prefix: &str,
        mut name: String,
        template: Option<&'static str>,
    ) -> (Self, Result<(), InvalidKey>) {
        if !prefix.is_empty() {
            name.insert_str(0, prefix);
        }
        Self::whole(prefix.len(), name, template)
    }

    /// As [`new`](Self::new), for a `name` that is given as a string.
    pub(crate) fn given(prefix: &str, name: &str) -> (Self, Result<(), InvalidKey>) {
        let mut whole = String::with_capacity(prefix.len() + name.len());
        whole.push_str(prefix);
        whole.push_str(name);
        Self::whole(prefix.len(), whole, None)
    }

    /// The key of a `name` that begins with a prefix.
    fn whole(
        prefix: usize,
        mut name: String,
        template: Option<&'static str>,
    ) -> (Self, Result<(), InvalidKey>) {
        if name.len() == prefix {
            return (Self { name, template, prefix: 0 }, Err(InvalidKey::empty(template)));
        }
        names::mark(prefix, &mut name);
        if name.len() > MAX_WHOLE_KEY_BYTES {
            name = long::shorten(prefix, &name);
        }
        (Self { name, template, prefix }, Ok(()))
    }

    /// The entry's name in the store.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The name of the key's lease, in the same Redis Cluster slot as the entry.
    pub fn lease_name(&self) -> String {
        names::slot(names::LEASE, self.prefix(), &self.name)
    }

    /// The name of the key's hedge, in the same Redis Cluster slot as the entry.
    pub fn hedge_name(&self) -> String {
        names::slot(names::HEDGE, self.prefix(), &self.name)
    }

    fn prefix(&self) -> &str {
        self.name.get(..self.prefix.min(long::LONGEST_PREFIX)).unwrap_or_default()
    }

    /// A number that is stored with the entry, so that a reply which belongs to another key is
    /// recognised: xxh3 (64 bits) of the name in the store; the same in every process and version.
    pub fn fingerprint(&self) -> u64 {
        xxh3_64(self.name.as_bytes())
    }

    /// The template that the key was rendered from; `None` for a key that was given as a string.
    pub fn template(&self) -> Option<&'static str> {
        self.template
    }
}

/// Keys are equal if their names in the store are: the same entry may be asked for by a template and by
/// a string.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.template {
            Some(template) => write!(f, "Key(`{template}`)"),
            None => f.write_str("Key(..)"),
        }
    }
}

/// Renders `namespace` and a separator in front of a key, so that ("app", "k") never equals
/// ("ap", "pk"), nor ("a", "b:c") ("a:b", "c"): the namespace is escaped like a key part, so its
/// first `:` is the one that ends it.
pub(crate) fn prefix(namespace: &str) -> String {
    if namespace.is_empty() {
        return String::new();
    }
    let mut prefix = String::with_capacity(namespace.len() + 1);
    escape::escape_into(namespace, &mut prefix);
    prefix.push(':');
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Result<Key, InvalidKey> {
        let (key, valid) = Key::given("", name);
        valid.map(|()| key)
    }

    #[test]
    fn namespaces_never_run_into_keys() {
        let full = |namespace: &str, key: &str| format!("{}{key}", prefix(namespace));
        assert_ne!(full("app", "k"), full("ap", "pk"));
        assert_ne!(full("a", "b:c"), full("a:b", "c"));
        assert_ne!(full("{a}", "x"), full("%7Ba%7D", "x"));
        assert_eq!(full("app", "user:42"), "app:user:42");
        assert_eq!(full("", "user:42"), "user:42");
    }

    #[test]
    fn an_empty_key_is_refused() {
        assert!(key("").is_err());
        assert!(Key::new("app:", String::new(), None).1.is_err(), "a namespace alone is no key");
    }

    #[test]
    fn a_key_is_whole_up_to_the_limit_and_bounded_beyond() {
        let whole = "k".repeat(MAX_WHOLE_KEY_BYTES);
        assert_eq!(key(&whole).unwrap().as_str(), whole);
        let (namespaced, valid) = Key::new("n:", whole[2..].to_owned(), None);
        assert_eq!((namespaced.as_str().len(), valid), (MAX_WHOLE_KEY_BYTES, Ok(())));
        for more in [1, 1000, 1_000_000] {
            assert_eq!(key(&format!("{whole}{}", "k".repeat(more))).unwrap().as_str().len(), 584);
        }
        let (namespaced, _) = Key::new("n:", whole[1..].to_owned(), None);
        assert_eq!(namespaced.as_str().len(), 584, "the namespace counts");
    }

    #[test]
    fn long_keys_that_differ_at_their_ends_differ() {
        let long = "k".repeat(1000);
        let (a, b) = (key(&format!("{long}a")).unwrap(), key(&format!("{long}b")).unwrap());
        assert_ne!(a.as_str(), b.as_str());
        assert_ne!(a.fingerprint(), b.fingerprint());
        assert_ne!(key(a.as_str()).unwrap().as_str(), a.as_str(), "no key is given that name");
    }

    #[test]
    fn debug_never_shows_the_key() {
        let (key, _) = Key::new("", "user:secret".to_owned(), Some("user:<id>"));
        assert_eq!(format!("{key:?}"), "Key(`user:<id>`)");
    }

    #[test]
    fn the_fingerprint_is_xxh3() {
        // By the reference implementation, `xxhsum -H3`: it stands in every entry, and stays.
        let fingerprint = |name| Key::given("", name).0.fingerprint();
        assert_eq!(fingerprint("a"), 0xe6c6_32b6_1e96_4e1f);
        assert_eq!(fingerprint("abc"), 0x78af_5f94_892f_3950);
    }

    #[test]
    fn a_template_and_a_string_give_one_key() {
        let name = || "user:42".to_owned();
        let (rendered, _) = Key::new("", name(), Some("user:<id>"));
        let (given, _) = Key::given("", &name());
        assert_eq!(rendered, given);
        assert_eq!(std::collections::HashSet::from([rendered, given]).len(), 1);
    }
}
