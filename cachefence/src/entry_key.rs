//! The key of an entry, as it is given to `invalidate_many`.

use std::fmt;

use crate::cache::CacheFence;
use crate::error::InvalidKey;
use crate::key::Key;

/// The key of an entry: a string, or taken from an [`Entry`](crate::Entry) by
/// [`into_key`](crate::Entry::into_key).
///
/// [`CacheFence::invalidate_many`] takes such keys, and has an example. A string is a key of the cache that it is given to, without the namespace. A key that was taken from an entry
/// knows its cache, and no other cache takes it; so it always names the entry that it comes from. The `Debug` output shows
/// the template, never the key itself.
#[derive(Clone)]
pub struct EntryKey(Kind);

#[derive(Clone)]
enum Kind {
    Text(String),
    Taken(CacheFence, Result<Key, InvalidKey>),
}

impl EntryKey {
    pub(crate) fn taken(cache: CacheFence, key: Result<Key, InvalidKey>) -> Self {
        Self(Kind::Taken(cache, key))
    }

    /// The key in `cache`, if it can be used there.
    pub(crate) fn into_key_of(self, cache: &CacheFence) -> Result<Key, InvalidKey> {
        match self.0 {
            Kind::Text(text) => {
                let (key, valid) = Key::given(cache.prefix(), &text);
                valid.map(|()| key)
            }
            Kind::Taken(owner, key) if owner.is(cache) => key,
            Kind::Taken(_, key) => Err(InvalidKey::of_another_cache(key?.template())),
        }
    }
}

impl From<&str> for EntryKey {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for EntryKey {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<String> for EntryKey {
    fn from(text: String) -> Self {
        Self(Kind::Text(text))
    }
}

impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Taken(_, Ok(key)) => key.fmt(f),
            Kind::Text(_) | Kind::Taken(_, Err(_)) => f.write_str("Key(..)"),
        }
    }
}
