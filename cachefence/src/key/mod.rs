//! Keys: what an entry is called in the store, and what its lock is called.

mod escape;
mod long;
mod part;
mod provided;
mod uuid;
mod writer;

pub use long::MAX_WHOLE_KEY_BYTES;
pub use part::{KeyPart, PartWriter};
pub use writer::KeyWriter;

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::error::InvalidKey;

/// What every lock's name ends with.
const LOCK_SUFFIX: &str = ":lock";

/// The name of one entry, as the store holds it: the namespace, then the key. Where these have more
/// than [`MAX_WHOLE_KEY_BYTES`] together, their end is replaced by the SHA-256 of the whole.
///
/// The keys that a store is given have been validated: they are not empty, their locks fall into
/// their own Redis Cluster slots, and none is another key's lock. The `Debug` output shows the template that the key was rendered from, never the key itself, because keys
/// hold users' data.
#[derive(Clone)]
pub struct Key {
    name: String,
    template: Option<&'static str>,
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
        name: String,
        template: Option<&'static str>,
    ) -> (Self, Result<(), InvalidKey>) {
        let valid = if name.len() == prefix {
            Err(InvalidKey::empty(template))
        } else if !may_hold_braces(&name) {
            Ok(()) // and so for nearly all keys: the rest is about hash tags
        } else if hash_tag(&name).is_none() && name.contains('}') {
            Err(InvalidKey::no_slot(template))
        } else if is_lock_name(&name) {
            Err(InvalidKey::reserved(template))
        } else {
            Ok(())
        };
        let long = name.len() > MAX_WHOLE_KEY_BYTES && valid.is_ok();
        let name = if long { long::shorten(&name) } else { name };
        (Self { name, template }, valid)
    }

    /// The entry's name in the store.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The name of the entry's lock, in the same Redis Cluster slot as the entry.
    ///
    /// A key with a hash tag keeps it (`{org:1}:user:7` has `{org:1}:user:7:lock`); any other key
    /// becomes the tag (`user:7` has `{user:7}:lock`).
    pub fn lock_name(&self) -> String {
        if hash_tag(&self.name).is_some() {
            format!("{}{LOCK_SUFFIX}", self.name)
        } else {
            format!("{{{}}}{LOCK_SUFFIX}", self.name)
        }
    }

    /// A number that is stored with the entry, so that a reply which belongs to another key is
    /// recognised: 64-bit FNV-1a of the name in the store; the same in every process and version.
    pub fn fingerprint(&self) -> u64 {
        self.name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// The template that the key was rendered from; `None` for a key that was given as a string.
    pub fn template(&self) -> Option<&'static str> {
        self.template
    }
}

/// By its name in the store: the same entry may be asked for by a template and by a string.
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

/// Whether there may be a `{` or a `}` in `name`. It may take what stands between and after them for one.
fn may_hold_braces(name: &str) -> bool {
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    const FROM_BRACE: u64 = u64::from_ne_bytes([0x80 - b'{'; 8]);
    // Eight bytes at a time: what is added takes those from `{` on into their highest bit.
    let (words, rest) = name.as_bytes().as_chunks();
    let may = words.iter().fold(0, |may, word| {
        let word = u64::from_ne_bytes(*word);
        may | (((word & !HIGHEST) + FROM_BRACE) & !word)
    });
    may & HIGHEST != 0 || rest.iter().any(|byte| matches!(byte, b'{'..=b'}'))
}

/// The hash tag by the rule of the Redis Cluster specification: what stands between the first `{`
/// and the first `}` after it, unless that is nothing.
fn hash_tag(name: &str) -> Option<&str> {
    let (_, after) = name.split_once('{')?;
    let (tag, _) = after.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

/// Whether `name` could be the lock of some other key: every lock holds a hash tag in front of its
/// suffix.
fn is_lock_name(name: &str) -> bool {
    name.strip_suffix(LOCK_SUFFIX).is_some_and(|entry| hash_tag(entry).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Result<Key, InvalidKey> {
        let (key, valid) = Key::given("", name);
        valid.map(|()| key)
    }

    #[test]
    fn the_lock_shares_the_entrys_slot() {
        // Redis hashes the tag if there is one, else the whole name.
        let slot = |name: &str| hash_tag(name).unwrap_or(name).to_owned();
        let long = "x".repeat(1000);
        for name in [
            "user:42",
            "{org:1}:user:42",
            "a{b}c",
            "half{open",
            "x{}",
            &format!("{{org:1}}:{long}"),
            &format!("{long}}}{{org:1}}"),
        ] {
            let Ok(key) = key(name) else {
                assert_eq!(name, "x{}");
                continue;
            };
            assert_eq!(slot(&key.lock_name()), slot(name), "{name}");
        }
        for name in [long.clone(), format!("{{{long}"), format!("a{{{long}}}"), "{".repeat(1000)] {
            let key = key(&name).unwrap();
            assert_eq!(slot(&key.lock_name()), slot(key.as_str()), "{name}");
        }
    }

    #[test]
    fn no_brace_is_overlooked() {
        for length in 1..20 {
            for at in 0..length {
                for brace in ['{', '}'] {
                    for other in ["a", "z", "\u{7f}", "ß"] {
                        let name = format!("{}{brace}{}", other.repeat(at), other.repeat(length));
                        assert!(may_hold_braces(&name), "{name}");
                    }
                }
            }
            for other in ["a", "z", ":", "%", "ß", "\u{1f980}"] {
                assert!(!may_hold_braces(&other.repeat(length)), "{other}");
            }
        }
    }

    #[test]
    fn a_key_whose_lock_would_leave_its_slot_is_refused() {
        for name in ["a}b", "{}x", "}{a}", "{}{a}"] {
            // `}{a}` has the tag `a` and is fine; the others have none and hold a brace.
            assert_eq!(key(name).is_ok(), name == "}{a}", "{name}");
        }
    }

    #[test]
    fn no_key_is_another_keys_lock() {
        let long = format!("{{org:1}}{}", "x".repeat(1000));
        for name in ["user:42", "{org:1}:user:42", "door", "half{open", &long[8..], &long] {
            let lock = key(name).unwrap().lock_name();
            assert!(key(&lock).is_err(), "{lock}");
        }
        assert!(key("door:lock").is_ok(), "no lock has this name: it holds no tag");
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
    fn a_long_key_is_refused_for_what_a_short_one_is() {
        let long = "k".repeat(1000);
        for name in [format!("}}{long}"), format!("{long}}}"), format!("{{a}}{long}:lock")] {
            assert!(key(&name).is_err(), "{name}");
        }
    }

    #[test]
    fn debug_never_shows_the_key() {
        let (key, _) = Key::new("", "user:secret".to_owned(), Some("user:<id>"));
        assert_eq!(format!("{key:?}"), "Key(`user:<id>`)");
    }

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        // Test vectors of the FNV reference implementation.
        let fingerprint = |name| Key::given("", name).0.fingerprint();
        assert_eq!(fingerprint(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint("foobar"), 0x8594_4171_f739_67e8);
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
