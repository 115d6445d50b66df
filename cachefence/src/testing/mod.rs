//! Helpers for the tests of a store, of a codec and of this crate, behind the feature `testing`. Semantic
//! versioning does not cover them.

mod contract;

use std::sync::Arc;

#[cfg(feature = "redis")]
use bytes::Bytes;

pub use self::contract::store_contract;
use crate::builder::Builder;
use crate::cache::CacheFence;
use crate::chance::Chance;
#[cfg(feature = "redis")]
use crate::codec::{Codec as _, CodecId, Json};
use crate::key::Key;
#[cfg(feature = "redis")]
use crate::store::redis::record::{self, Record};
#[cfg(feature = "redis")]
use crate::store::{Kind, NewValue, Revision, Snapshot, Timestamp};
use crate::store::{Store, Token};

/// Sets the source of a cache's random numbers, so that a simulation can be repeated.
///
/// ```
/// use cachefence::{CacheFence, testing};
/// use rand::SeedableRng;
/// use rand::rngs::StdRng;
///
/// let cache = testing::with_chance(CacheFence::builder().in_memory(), StdRng::seed_from_u64(7)).build_lazy()?;
/// # Ok::<(), cachefence::Error>(())
/// ```
pub fn with_chance(builder: Builder, generator: impl rand::Rng + Send + 'static) -> Builder {
    builder.chance(Chance::of(generator))
}

/// The store of a cache.
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachefence::{CacheFence, testing};
///
/// let store = testing::store(&CacheFence::in_memory());
/// assert!(store.read(&testing::key("user:42")).await?.is_none());
/// # Ok(()) }
/// ```
pub fn store(cache: &CacheFence) -> Arc<dyn Store> {
    Arc::clone(&cache.engine().store)
}

/// A key of no namespace; [`Store`] has an example.
pub fn key(name: &str) -> Key {
    Key::given("", name).0
}

/// A token that no flight has; [`Store`] has an example.
pub fn token() -> Token {
    Token::random(&Chance::default())
}

/// The bytes under a key, as the Redis store understands them; [`encode_entry`] has an example.
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

/// Reads what the Redis store of a cache with the codec [`Json`] found under `key` at `now`; [`encode_entry`] has an example.
#[cfg(feature = "redis")]
pub fn decode_entry(key: &Key, bytes: &Bytes, now: Timestamp) -> Decoded {
    match Record::decode(key, CodecId::of(Json.name()), bytes.clone(), now) {
        Record::Entry(entry) => Decoded::Entry(entry),
        Record::Stray => Decoded::Stray,
        Record::Foreign => Decoded::Foreign,
    }
}

/// Writes what the Redis store of a cache with the codec [`Json`] puts under `key` for `value` at `now`.
///
/// ```
/// use cachefence::store::{NewValue, Revision, Timestamp};
/// use cachefence::testing::{Decoded, decode_entry, encode_entry, key};
/// use std::time::Duration;
///
/// let (key, now) = (key("user:42"), Timestamp::from_micros(5_000_000));
/// let value = NewValue::new("\"ann\"", Duration::from_secs(60));
/// let bytes = encode_entry(&key, Revision(1), &value, now).into();
/// assert!(matches!(decode_entry(&key, &bytes, now), Decoded::Entry(entry) if entry.payload == "\"ann\""));
/// ```
#[cfg(feature = "redis")]
pub fn encode_entry(key: &Key, revision: Revision, value: &NewValue, now: Timestamp) -> Vec<u8> {
    record::encode(key, CodecId::of(Json.name()), revision, Kind::Value, value, now)
}
