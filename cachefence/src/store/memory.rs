//! The store inside the process.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::time::Instant;

use super::{
    Acquired, Kind, NewValue, Revision, Snapshot, Store, StoreFuture, StoreResult, Timestamp, Token,
};
use crate::key::Key;

/// How many entries a memory store holds unless it is told otherwise.
const DEFAULT_ENTRIES: usize = 10_000;

/// A bounded store inside the process.
///
/// When it is full, the entries that are used least make room (S3-FIFO, by `quick_cache`). Expired
/// entries are never served; they stay in place until they are overwritten or make room.
///
/// # Examples
///
/// ```
/// use cachefence::{CacheFence, MemoryStore};
///
/// let small = CacheFence::builder().store(MemoryStore::with_entries(100)).build_lazy()?;
/// let sized = CacheFence::builder().store(MemoryStore::with_bytes(64 << 20)).build_lazy()?;
/// # Ok::<(), cachefence::Error>(())
/// ```
pub struct MemoryStore {
    entries: Cache<String, Entry, Weigh>,
    locks: Mutex<Locks>,
    revisions: AtomicU64,
    epoch: Instant,
}

#[derive(Clone)]
struct Entry {
    payload: Bytes,
    delta: Duration,
    expiry: Timestamp,
    retry_at: Option<Timestamp>,
    /// When it is gone.
    until: Timestamp,
    life: Duration,
    revision: u64,
}

type Locks = HashMap<String, Lock>;

struct Lock {
    token: Token,
    until: Timestamp,
}

impl MemoryStore {
    /// A store of up to `entries` entries, at least 1.
    pub fn with_entries(entries: usize) -> Self {
        let entries = entries.max(1);
        Self::with(entries, entries as u64, Weigh::Entries)
    }

    /// A store of up to `bytes` bytes of keys and encoded values, at least 1.
    ///
    /// The bound is divided among shards of at least 16 MiB. A value that alone is larger than a
    /// shard is not kept.
    pub fn with_bytes(bytes: u64) -> Self {
        /// A guess that only sizes the first allocation.
        const TYPICAL_ENTRY: u64 = 512;
        let entries = usize::try_from(bytes / TYPICAL_ENTRY).unwrap_or(usize::MAX);
        Self::with(entries.clamp(1, 1_000_000), bytes.max(1), Weigh::Bytes)
    }

    fn with(entries: usize, capacity: u64, weigh: Weigh) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = match weigh {
            Weigh::Entries => 4 * cores,
            Weigh::Bytes => usize::try_from(capacity >> 24).unwrap_or(usize::MAX).min(4 * cores),
        };
        let options = OptionsBuilder::new()
            .estimated_items_capacity(entries)
            .weight_capacity(capacity)
            .shards(shards.max(1))
            .build();
        let entries = match options {
            Ok(options) => {
                let (hasher, lifecycle) =
                    (DefaultHashBuilder::default(), DefaultLifecycle::default());
                Cache::with_options(options, weigh, hasher, lifecycle)
            }
            // Both capacities are given, so this is not reached; it would serve as well.
            Err(_) => Cache::with_weighter(entries, capacity, weigh),
        };
        Self {
            entries,
            locks: Mutex::default(),
            revisions: AtomicU64::new(0),
            epoch: Instant::now(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0).after(self.epoch.elapsed())
    }

    /// Every operation that touches a lock runs under this one, so each is atomic over both.
    fn locks(&self) -> MutexGuard<'_, Locks> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self, key: &Key) -> Option<Snapshot> {
        let entry = self.entries.get(key.as_str())?;
        let now = self.now();
        (entry.until > now).then(|| Snapshot {
            payload: entry.payload,
            kind: Kind::Value,
            delta: entry.delta,
            expiry: entry.expiry,
            life: entry.life,
            retry_at: entry.retry_at,
            revision: Revision(entry.revision),
            now,
        })
    }

    fn write(&self, key: &Key, value: &NewValue) {
        let expiry = self.now().after(value.ttl);
        self.entries.insert(
            key.as_str().to_owned(),
            Entry {
                payload: value.payload.clone(),
                delta: value.delta,
                expiry,
                retry_at: None,
                until: expiry.after(value.stale),
                life: value.ttl,
                revision: self.new_revision(),
            },
        );
    }

    fn new_revision(&self) -> u64 {
        self.revisions.fetch_add(1, Ordering::Relaxed)
    }

    fn try_acquire(
        &self,
        key: &Key,
        token: &Token,
        lease: Duration,
        seen: Option<Revision>,
    ) -> Acquired {
        let mut locks = self.locks();
        if let Some(newer) = self.snapshot(key).filter(|entry| Some(entry.revision) != seen) {
            return Acquired::Newer(newer);
        }
        let now = self.now();
        if let Some(remaining) = locks.get(key.as_str()).and_then(|lock| lock.until.since(now)) {
            return Acquired::Held { remaining };
        }
        Self::lock(&mut locks, key, token, now, lease);
        Acquired::Lease
    }

    fn lock(locks: &mut Locks, key: &Key, token: &Token, now: Timestamp, lease: Duration) {
        // A flight whose runtime was shut down leaves its lock behind. Such locks are few; they are
        // swept when the map would have to grow for a new one.
        if locks.len() == locks.capacity() {
            locks.retain(|_, lock| lock.until > now);
        }
        let lock = Lock { token: *token, until: now.after(lease) };
        locks.insert(key.as_str().to_owned(), lock);
    }

    /// The locks, if the one of `key` holds `token` and its lease has not ended.
    fn holding(&self, key: &Key, token: &Token) -> Option<MutexGuard<'_, Locks>> {
        let locks = self.locks();
        let held = locks
            .get(key.as_str())
            .is_some_and(|lock| lock.token == *token && lock.until > self.now());
        held.then_some(locks)
    }
}

impl Default for MemoryStore {
    /// A store of up to 10,000 entries.
    fn default() -> Self {
        Self::with_entries(DEFAULT_ENTRIES)
    }
}

impl Store for MemoryStore {
    fn answers_at_once(&self) -> bool {
        true
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::ready(Ok(self.snapshot(key)))
    }

    fn acquire<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
        seen: Option<Revision>,
    ) -> StoreResult<'a, Acquired> {
        StoreFuture::ready(Ok(self.try_acquire(key, token, lease, seen)))
    }

    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
    ) -> StoreResult<'a, bool> {
        let renewed = self.holding(key, token).is_some_and(|mut locks| {
            let until = self.now().after(lease);
            locks.get_mut(key.as_str()).map(|lock| lock.until = until).is_some()
        });
        StoreFuture::ready(Ok(renewed))
    }

    fn fill<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        value: &'a NewValue,
    ) -> StoreResult<'a, bool> {
        let filled = self.holding(key, token).is_some_and(|mut locks| {
            self.write(key, value);
            locks.remove(key.as_str()).is_some()
        });
        StoreFuture::ready(Ok(filled))
    }

    fn postpone<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        pause: Duration,
    ) -> StoreResult<'a, bool> {
        let postponed = self.holding(key, token).is_some_and(|mut locks| {
            if let Some(entry) = self.entries.get(key.as_str()) {
                let (retry_at, revision) = (Some(self.now().after(pause)), self.new_revision());
                self.entries.insert(key.as_str().to_owned(), Entry { retry_at, revision, ..entry });
            }
            locks.remove(key.as_str()).is_some()
        });
        StoreFuture::ready(Ok(postponed))
    }

    fn release<'a>(&'a self, key: &'a Key, token: &'a Token) -> StoreResult<'a, bool> {
        let held = self.holding(key, token);
        let released = held.is_some_and(|mut locks| locks.remove(key.as_str()).is_some());
        StoreFuture::ready(Ok(released))
    }

    fn seize<'a>(&'a self, key: &'a Key, token: &'a Token, lease: Duration) -> StoreResult<'a, ()> {
        Self::lock(&mut self.locks(), key, token, self.now(), lease);
        StoreFuture::ready(Ok(()))
    }

    fn invalidate<'a>(&'a self, key: &'a Key) -> StoreResult<'a, ()> {
        let mut locks = self.locks();
        self.entries.remove(key.as_str());
        locks.remove(key.as_str());
        StoreFuture::ready(Ok(()))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("entries", &self.entries.len())
            .field("weight", &self.entries.weight())
            .finish_non_exhaustive()
    }
}

/// What an entry counts as against the store's bound.
#[derive(Clone, Copy)]
enum Weigh {
    Entries,
    Bytes,
}

impl Weighter<String, Entry> for Weigh {
    fn weight(&self, key: &String, entry: &Entry) -> u64 {
        match self {
            Self::Entries => 1,
            Self::Bytes => (key.len() + entry.payload.len()) as u64,
        }
    }
}
