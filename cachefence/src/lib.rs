//! Caching that cannot stampede: one attribute on an async function, and a hot key that expires is loaded once.
//!
//! ![Without cachefence 500 requests that miss a key make 500 queries; with cachefence they make one.][stampede.svg]
//!
//! # Ten lines
//!
//! ```sh
//! cargo add --git <url> cachefence    # `cargo add cachefence`, once it is published
//! cargo add serde --features derive   # for the types that you cache
//! cargo add tokio --features macros,net,rt-multi-thread
//! ```
//!
//! ```
//! use cachefence::cachefence;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct User {
//!     name: String,
//! }
//! # struct Db;
//! # impl Db { async fn user(&self, id: u64) -> std::io::Result<User> { Ok(User { name: format!("user {id}") }) } }
//!
//! #[cachefence(key = "user:<id>", ttl = "5m", skip(db))]
//! async fn get_user(db: &Db, id: u64) -> std::io::Result<User> {
//!     db.user(id).await // the body runs when there is no value to serve
//! }
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let db = Db;
//! let user = get_user(&db, 42).await?; // called as before
//! get_user_entry(42).invalidate().await?; // the companion: the entry of user 42
//! # Ok(()) }
//! ```
//!
//! Of all the callers that miss a key at the same time, in all processes, one runs the body, and the others are given
//! what it returned. Most keys never miss, because one reader refreshes a value shortly before it expires. Every
//! argument stands in the key or in `skip(..)`; one that is forgotten is a compile error. [`macro@cachefence`] has all
//! options, [Keys][keys] and [Values and serde][values] say what can be cached. [`CacheFence::get_or_set`] does the
//! same without the attribute.
//!
//! # Where the cache lives
//!
//! In Redis for a fleet, in memory for one process. Choose once, when the program starts:
//!
//! ```
//! use cachefence::CacheFence;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = match std::env::var("CACHE_URL") {
//!     Ok(url) => CacheFence::connect(url.as_str()).await?,
//!     Err(_) => CacheFence::in_memory(),
//! };
//! cache.install()?; // before the first call of an annotated function
//! // .. serve requests ..
//! cache.shutdown().await?; // detached loads end, pending invalidations are sent
//! # Ok(()) }
//! ```
//!
//! [`install`](CacheFence::install) makes a cache the default of the process. Without it, annotated functions cache in
//! memory, with a warning. [`scope`](CacheFence::scope) gives one future another default, and `cache = self.cache`
//! names a cache in the attribute. [`Builder`] has a cache's options; [Redis in production][redis] has addresses, TLS,
//! users and rights.
//!
//! # A service with deadlines
//!
//! By default the body runs in the call that needs it, and a call that is dropped takes its load along. Where requests
//! have deadlines, write `detached`: the load then runs in a task of its own, and outlives its callers. Within
//! `stale_while_revalidate` callers do not wait, and within `stale_if_error` the body's error reaches nobody:
//!
//! ```
//! # use cachefence::cachefence;
//! # use std::time::Duration;
//! # async fn query(day: u32) -> std::io::Result<String> { Ok(format!("report {day}")) }
//! #[cachefence(
//!     key = "report:<day>",
//!     ttl = "5m",
//!     detached,
//!     stale_while_revalidate = "1h",
//!     stale_if_error = "1d"
//! )]
//! async fn report(day: u32) -> std::io::Result<String> {
//!     query(day).await
//! }
//!
//! # #[tokio::main] async fn main() {
//! let report = tokio::time::timeout(Duration::from_millis(200), report(7)).await;
//! if report.is_err() {
//!     println!("no answer in time; a later call finds what is loaded now");
//! }
//! # }
//! ```
//!
//! ![A value is valid until its ttl, and one reader refreshes it before that; then it is stale, served within two windows, and gone.][freshness.svg]
//!
//! # Writes
//!
//! Commit, then invalidate; in the other order a load between the two caches the old row. Once
//! [`invalidate`](CacheFence::invalidate) has returned `Ok`, no later call is served what was read before, not even by
//! a load that was under way in another process. [`invalidate_eventually`](CacheFence::invalidate_eventually) also goes
//! on trying while Redis is down:
//!
//! ```
//! # use cachefence::cachefence;
//! # struct Db;
//! # impl Db { async fn rename(&self, _: u64, _: &str) -> std::io::Result<()> { Ok(()) } }
//! # #[cachefence(key = "user:<id>", ttl = 60)]
//! # async fn get_user(id: u64) -> String { format!("user {id}") }
//! # type AnyError = Box<dyn std::error::Error>;
//! async fn rename(db: &Db, id: u64, name: &str) -> Result<(), AnyError> {
//!     db.rename(id, name).await?; // commits
//!     get_user_entry(id).invalidate_eventually().await?;
//!     Ok(())
//! }
//! # #[tokio::main] async fn main() -> Result<(), AnyError> { rename(&Db, 42, "ann").await }
//! ```
//!
//! [Invalidation and writes][invalidation] has several keys at once, and what to answer when an invalidation fails.
//!
//! # Errors, and an outage
//!
//! An `Err` is never cached, and each caller is given an error of the function's own type. Callers that wait for a body
//! that fails share its error if the type is `Clone`, is `std::io::Error` or is copied by `clone_error`; otherwise each
//! runs its own body. Every wait for another call, or for Redis, is bounded: [Errors and deadlines][errors] says how long each can be.
//!
//! A Redis that is down fails no call: bodies run, one at a time per key and process. Redis in trouble adds at most
//! `op_timeout` to a call, 250 ms by default, and almost nothing once a circuit breaker has opened. The log reports the
//! start and the end of an outage; [Faults][faults] has each fault, as measured.
//!
//! # Tests and figures
//!
//! Each test has a cache of its own, and the counters tell what happened:
//!
//! ```
//! use cachefence::{CacheFence, cachefence};
//!
//! #[cachefence(key = "answer", ttl = 60)]
//! async fn answer() -> u32 {
//!     42
//! }
//!
//! # #[tokio::main] async fn main() {
//! let cache = CacheFence::in_memory();
//! cache.scope(async { assert_eq!(answer().await + answer().await, 84) }).await;
//! let stats = cache.stats();
//! assert_eq!((stats.requests.loaded, stats.requests.hit), (1, 1));
//! # }
//! ```
//!
//! [Testing your service][testing] has paused time and a cache that is switched off ([`CacheFence::disabled`]). In
//! production [`CacheFence::status`], logs, traces and metrics tell the rest, and [Operating and scale][operating] says
//! what to watch. An [`Observe`] of your own is told each [`Event`].
//!
//! # Features
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `redis` | the Redis store | on |
//! | `tracing` | logs and spans | on |
//! | `metrics` | counters and times through the `metrics` facade | off |
//! | `tls` | `rediss://`, by `rustls` | off |
//! | `messagepack` | the codec `MessagePack`, beside [`Json`] | off |
//! | `chrono`, `time` | dates and times of that crate in keys | off |
//! | `testing` | a check for a [`Store`] of your own | off |
//!
//! # Read on
//!
//! [The guide](guide): [keys], [values], [invalidation], [errors and deadlines][errors], [operating], [testing],
//! [migrating] from another cache; to look up, [guarantees], [faults], [Redis][redis] and [performance].
//! Beside it stand [examples and a live page][examples], [changes and policies][changelog], and [what a cache trusts][security].
//! [`KeyPart`](trait@KeyPart) is what may stand in a key, [`Codec`] how values become bytes, [`Store`] where they live.
//!
//! # Words
//!
//! A *recompute* is the function's body, or the closure of `get_or_set`; a *load* is one run of it. A *leader* runs a
//! recompute, *joiners* wait for it in the same process, *waiters* wait because another process holds the *lease*, the
//! right to load one entry for a limited time. *Delta* is how long a recompute took. A future is *cancelled* when it is
//! dropped.
#![cfg_attr(doc, doc = concat!("\n\n", include_str!("../docs/images/links.md"), "\n", include_str!("../docs/links.md")))]
#![cfg_attr(docsrs, feature(doc_cfg))]

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
