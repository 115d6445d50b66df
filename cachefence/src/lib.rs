//! Caching that is safe under load.

#[doc(hidden)]
pub mod attribute;
mod blocking;
mod builder;
mod cache;
mod codec;
mod engine;
mod entry;
mod error;
mod freshness;
mod installed;
mod key;
mod lease;
mod options;
mod race;
mod report;
mod share;
mod store;
mod time;

pub use self::blocking::blocking;
pub use self::builder::Builder;
pub use self::cache::CacheFence;
pub use self::codec::{Codec, Json};
pub use self::entry::Entry;
pub use self::error::{BoxError, Error, InvalidKey, InvalidOption, StoreError};
pub use self::key::{Key, KeyPart, MAX_KEY_BYTES, PartWriter};
pub use self::share::SharedError;
pub use self::store::{
    Acquired, MemoryStore, NewValue, Snapshot, Store, StoreFuture, StoreResult, Timestamp, Token,
    Version,
};
pub use cachefence_macros::cachefence;

#[doc(hidden)]
pub use self::attribute as __private;
