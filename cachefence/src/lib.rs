//! Caching that cannot stampede.
//!
//! ```
//! use cachefence::cachefence;
//! # type User = String;
//! # async fn load_user(id: u64) -> std::io::Result<User> { Ok(format!("user {id}")) }
//!
//! #[cachefence(key = "user:<id>", ttl = 60)]
//! async fn get_user(id: u64) -> std::io::Result<User> {
//!     load_user(id).await // runs when there is no value to serve
//! }
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! let user = get_user(42).await?; // as before
//! get_user_entry(42).invalidate().await?; // the companion
//! # Ok(()) }
//! ```
//!
//! Of all the callers that miss a key at the same time, in all processes, one runs its *recompute*
//! (the function's body) and the others are given what it returned. Shortly before a value expires,
//! one reader refreshes it while the others are served the one that is still valid. Once
//! `invalidate` has returned `Ok`, no later call is served what was read before it. A store that fails
//! costs no call its result.
//!
//! - [`macro@cachefence`] is the attribute, with every option.
//! - [`CacheFence`] is a cache; [`CacheFence::get_or_set`] does the same without the attribute.
//! - [`Builder`] has a cache's options.
#![cfg_attr(
    feature = "redis",
    doc = "- [`Redis`] is the server that a cache lives on: its address, TLS, who logs in."
)]
//! - [`Entry`] is one key of one cache: read it without loading it, set it, invalidate it.
//! - [`CacheFence::scope`], [`CacheFence::disabled`] and [`force_refresh`] are for tests, and for calls by hand.
//! - [`CacheFence::stats`] has what a cache did in numbers; [`Observe`] and [`Event`] tell it as it happens.
//! - [`KeyPart`](trait@KeyPart) is what may stand in a key, [`Codec`] how values become bytes, [`Store`] where they
//!   live.
//!
//! ![500 requests miss one key][stampede.svg]
//!
//! # Words
//!
//! A *leader* runs a recompute, *joiners* wait for it in the same process, *waiters* wait because
//! another process holds the *lease*, the right to load one entry for a limited time. *Delta* is
//! how long a recompute took. A future is *cancelled* when it is dropped.
#![cfg_attr(doc, doc = concat!("\n\n", include_str!("../docs/images/links.md")))]

#[doc(hidden)]
pub mod attribute;
mod blocking;
mod bounds;
mod builder;
mod cache;
mod chance;
mod codec;
mod disabled;
mod engine;
mod entry;
mod entry_key;
mod error;
mod fetch;
mod force;
mod freshness;
#[cfg(doc)]
pub mod guide;
#[cfg(test)]
mod images;
mod inspected;
mod installed;
mod key;
mod lease;
mod lifetime;
pub mod observe;
mod options;
mod race;
mod request;
mod scope;
mod setters;
mod share;
pub mod store;
mod sync;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod verify;

pub use self::blocking::blocking;
pub use self::builder::Builder;
pub use self::cache::CacheFence;
#[cfg(feature = "messagepack")]
pub use self::codec::MessagePack;
pub use self::codec::{Codec, Json};
pub use self::entry::Entry;
pub use self::entry_key::EntryKey;
pub use self::error::{BoxError, Error, InvalidKey, InvalidOption, StoreError};
pub use self::force::force_refresh;
pub use self::inspected::Inspected;
pub use self::key::{Key, KeyPart, MAX_WHOLE_KEY_BYTES, PartWriter};
pub use self::lifetime::Negative;
pub use self::observe::{Event, Observe, Stats};
#[cfg(feature = "tls")]
pub use self::store::redis::Tls;
#[cfg(feature = "redis")]
pub use self::store::redis::{Credentials, Redis};
pub use self::store::{MemoryStore, Store};
pub use cachefence_macros::{KeyPart, cachefence};

#[doc(hidden)]
pub use self::attribute as __private;

/// The README's examples compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
