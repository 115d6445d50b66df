//! What the engine needs of a store, and the two that come with the crate.

mod future;
mod memory;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod shared;
mod time;
mod watch;

pub use future::StoreFuture;
pub use memory::MemoryStore;
pub use time::Timestamp;
pub use watch::{Wake, Watch};

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::chance::Chance;
use crate::error::StoreError;
use crate::key::Key;

/// The result of a store operation.
pub type StoreResult<'a, T> = StoreFuture<'a, Result<T, StoreError>>;

/// Where entries and locks live.
///
/// For every key there is an *entry* (a payload with its delta and expiry) and a *lock* (the token
/// of the flight that may rebuild the entry, with the end of its lease). Both are governed by the
/// store's one clock. The operations are each atomic over entry and lock, and that is all
/// that the guarantees of the crate rest on:
///
/// - only [`acquire`](Self::acquire) and [`seize`](Self::seize) set a lock, and the first only where
///   there is none;
/// - [`fill`](Self::fill) writes the entry only while the lock holds the flight's token;
/// - [`invalidate`](Self::invalidate) removes the entry *and* the lock, so a recompute that read
///   its data before cannot store it after.
///
/// # Cancel safety
///
/// The engine may drop any of the futures at any time. The operation then takes effect as a whole or
/// not at all, and perhaps much later: no token is used for a second lease, so a late `acquire` or
/// `fill` of a flight that has given up does no harm.
///
/// # Errors
///
/// An error means that the store could not do it, or that nobody knows whether it did. The engine
/// then serves the caller by running the recompute.
pub trait Store: Send + Sync + 'static {
    /// Whether the store can be used; called once by [`build`](crate::Builder::build).
    fn check(&self) -> StoreResult<'_, ()> {
        StoreFuture::ready(Ok(()))
    }

    /// The most that one call waits for the store, all of its operations together; then it is served
    /// without. As long as they take, by default. A store that says otherwise ends each of its
    /// operations within that by itself.
    fn patience(&self) -> Duration {
        Duration::MAX
    }

    /// Whether [`read`](Self::read) is ready at once, so that callers have nothing to share. By default
    /// it is not.
    fn answers_at_once(&self) -> bool {
        false
    }

    /// Reads the entry, not before the future is polled for the first time: other callers share the
    /// result who came until then.
    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>>;

    /// Takes the lock for `lease`, unless the entry has become another one than the caller `seen`
    /// (`None`: it saw none) or there is a lock already.
    fn acquire<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
        seen: Option<Revision>,
    ) -> StoreResult<'a, Acquired>;

    /// As [`acquire`](Self::acquire), for a caller that will wait if it gets neither: has `watch` woken
    /// when the entry or the lock changes after this has looked.
    ///
    /// By default it is not armed.
    fn acquire_watching<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
        seen: Option<Revision>,
        watch: &'a Watch,
    ) -> StoreResult<'a, Acquired> {
        let _ = watch;
        self.acquire(key, token, lease, seen)
    }

    /// Whether [`acquire_watching`](Self::acquire_watching) is worth another look at once, by a waiter
    /// that has just looked. By default it is not.
    fn watches(&self) -> bool {
        false
    }

    /// Whether [`acquire_watching`](Self::acquire_watching) takes no longer than
    /// [`acquire`](Self::acquire) now, so that the first look of a caller that may have to wait can be
    /// one that is woken. By default it does.
    fn is_watching(&self) -> bool {
        false
    }

    /// Prolongs the lease to `lease` from now; `false` if the lock no longer holds `token`.
    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
    ) -> StoreResult<'a, bool>;

    /// Writes the entry and releases the lock, if the lock holds `token`; else does nothing and
    /// says `false`.
    fn fill<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        value: &'a NewValue,
    ) -> StoreResult<'a, bool>;

    /// As [`release`](Self::release), for a rebuild that failed: the entry, if there is one, is not
    /// to be rebuilt for `pause`. Readers find that as [`Snapshot::retry_at`].
    ///
    /// By default the lock is released, and the next reader tries at once.
    fn postpone<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        pause: Duration,
    ) -> StoreResult<'a, bool> {
        let _ = pause;
        self.release(key, token)
    }

    /// Releases the lock; `false` if it no longer held `token`, and nothing was done.
    fn release<'a>(&'a self, key: &'a Key, token: &'a Token) -> StoreResult<'a, bool>;

    /// Takes the lock for `lease`, whoever holds it.
    fn seize<'a>(&'a self, key: &'a Key, token: &'a Token, lease: Duration) -> StoreResult<'a, ()>;

    /// Removes the entry and the lock.
    fn invalidate<'a>(&'a self, key: &'a Key) -> StoreResult<'a, ()>;
}

/// An entry as the store held it at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The encoded value; nothing in a mark.
    pub payload: Bytes,
    /// A value, or the mark that there is none.
    pub kind: Kind,
    /// How long its recompute took.
    pub delta: Duration,
    /// When its ttl ends, by the store's clock. A store keeps an entry for as long as it may be
    /// served after that; see [`NewValue::stale`].
    pub expiry: Timestamp,
    /// How long it was valid when it was written: its ttl.
    pub life: Duration,
    /// Until when no reader is to load it anew; see [`Store::postpone`].
    pub retry_at: Option<Timestamp>,
    /// Which entry this is.
    pub revision: Revision,
    /// The moment, by the store's clock.
    pub now: Timestamp,
}

/// What an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A value.
    Value,
    /// The mark that the value is not to be cached: as long as it is there, nobody waits for another
    /// process to load the key. It holds no data, and its expiry is its end.
    Uncacheable,
}

/// Tells an entry from the one that was there before: any number that differs when the entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision(pub u64);

/// A value to be written.
#[derive(Debug, Clone)]
pub struct NewValue {
    /// The encoded value.
    pub payload: Bytes,
    /// How long its recompute took.
    pub delta: Duration,
    /// How long it is valid from the moment at which it is written. Between 1 ms and 2^53 ms.
    pub ttl: Duration,
    /// How long it is kept after that, to be served while it is rebuilt or when that fails. With
    /// `ttl` no more than 2^53 ms.
    pub stale: Duration,
}

/// What [`Store::acquire`] did.
#[derive(Debug, Clone)]
pub enum Acquired {
    /// The caller holds the lock now.
    Lease,
    /// There is another entry than the caller saw; the lock is as it was.
    Newer(Snapshot),
    /// Another flight holds the lock; its lease ends in `remaining` unless it is renewed.
    Held {
        /// What is left of the holder's lease.
        remaining: Duration,
    },
}

/// Names one flight as the holder of a lock: a UUID of version 4. Its text is the UUID's, hyphenated and
/// in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(Uuid);

impl Token {
    /// A token that no flight has had before.
    pub(crate) fn random(chance: &Chance) -> Self {
        Self(chance.uuid())
    }

    /// A number that no other token gives, but by a chance of 1 in 2^60.
    #[cfg(feature = "redis")]
    pub(crate) fn number(self) -> u64 {
        self.0.as_u64_pair().0
    }
}

impl From<Uuid> for Token {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl From<Token> for Uuid {
    fn from(token: Token) -> Self {
        token.0
    }
}

impl FromStr for Token {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
