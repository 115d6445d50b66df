//! What the expansion of `#[cachefence]` is made of. Not public API: it may change in any version,
//! which is why the two crates are pinned to each other.

mod call;
pub mod kind;

pub use std::option::Option;
pub use std::time::Duration;

pub use self::call::Call;
use crate::cache::CacheFence;
pub use crate::key::KeyWriter;

/// The cache that `cache = ..` names: a `CacheFence`, or anything that derefs to one.
pub fn cache(cache: &CacheFence) -> CacheFence {
    cache.clone()
}

/// The default cache.
pub fn installed() -> &'static CacheFence {
    crate::installed::installed()
}

/// What the project's own tests need and users do not.
pub mod testing {
    use std::sync::Arc;

    #[cfg(feature = "redis")]
    use bytes::Bytes;

    use crate::builder::Builder;
    use crate::cache::CacheFence;
    use crate::chance::Chance;
    #[cfg(feature = "redis")]
    use crate::codec::{Codec as _, CodecId, Json};
    use crate::key::Key;
    #[cfg(feature = "redis")]
    use crate::store::redis::record::{self, Record};
    #[cfg(feature = "redis")]
    use crate::store::{NewValue, Revision, Snapshot, Timestamp};
    use crate::store::{Store, Token};

    /// A cache whose chance is `generator`, so that a simulation can be repeated.
    pub fn with_chance(builder: Builder, generator: impl rand::Rng + Send + 'static) -> Builder {
        builder.chance(Chance::of(generator))
    }

    /// The store of a cache.
    pub fn store(cache: &CacheFence) -> Arc<dyn Store> {
        Arc::clone(cache.engine().store())
    }

    /// A key of no namespace.
    pub fn key(name: &str) -> Key {
        Key::new("", name.to_owned(), None).0
    }

    /// A token that no flight has.
    pub fn token() -> Token {
        Token::random(&Chance::default())
    }

    /// What the Redis store makes of the bytes under a key.
    #[cfg(feature = "redis")]
    #[derive(Debug)]
    pub enum Decoded {
        /// The key's entry.
        Entry(Snapshot),
        /// An entry of another key.
        Stray,
        /// Anything else.
        Foreign,
    }

    /// Reads what the Redis store found under `key` at `now`.
    #[cfg(feature = "redis")]
    pub fn decode_entry(key: &Key, bytes: &Bytes, now: Timestamp) -> Decoded {
        match Record::decode(key, CodecId::of(Json.name()), bytes.clone(), now) {
            Record::Entry(entry) => Decoded::Entry(entry),
            Record::Stray => Decoded::Stray,
            Record::Foreign => Decoded::Foreign,
        }
    }

    /// Writes what the Redis store puts under `key` for `value` at `now`.
    #[cfg(feature = "redis")]
    pub fn encode_entry(
        key: &Key,
        revision: Revision,
        value: &NewValue,
        now: Timestamp,
    ) -> Vec<u8> {
        record::encode(key, CodecId::of(Json.name()), revision, value, now)
    }
}
