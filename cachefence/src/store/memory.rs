//! The memory store: entries and slots inside this process.
//!
//! Entries live in a bounded cache, slots in a map beside it. Each step that touches a slot runs under
//! the lock of that map, and so is atomic over entry and slots; a read does not take this lock. Time is
//! the process's monotonic clock, counted from the making of the store. Every operation is ready at
//! once, so the engine shares no reads of this store.

#[cfg(test)]
mod tests;

mod slots;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::time::Instant;

use self::slots::Slots;
use super::{
    Acquire, Acquired, Kind, NewValue, Outcome, Revision, Snapshot, Store, StoreFuture,
    StoreResult, Take, Timestamp, Token, Traits,
};
use crate::key::Key;
use crate::sync::lock;

/// How many entries a memory store holds unless it is told otherwise.
const DEFAULT_ENTRIES: usize = 10_000;

/// A bounded store inside the process.
///
/// When it is full, the entries that are used least make room (S3-FIFO, by `quick_cache`). Expired
/// entries are never served; they stay in place until they are overwritten or make room. Other
/// processes do not see the store, and nothing is left of it when the process ends. Clones of one
/// `Arc<MemoryStore>` may serve several caches.
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
    /// The most bytes that the key and the value of one entry may have together.
    largest: Option<usize>,
    slots: Mutex<Slots>,
    revisions: AtomicU64,
    epoch: Instant,
}

#[derive(Clone)]
struct Entry {
    /// The entry as it was when it was written.
    found: Snapshot,
    /// When the entry is gone: its expiry, and its stale time after that.
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
        /// A guess at the size of an entry, which only sizes the first allocation.
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
            // Both capacities are given, so this branch is not reached. It would serve as well.
            Err(_) => Cache::with_weighter(entries, capacity, weigh),
        };
        let largest = match weigh {
            Weigh::Entries => None,
            Weigh::Bytes => {
                // `quick_cache` keeps no entry that is larger than what one of its shards holds of hot ones.
                let shard = u128::from(capacity.div_ceil(entries.num_shards() as u64));
                usize::try_from((shard * 97 / 100).max(1)).ok()
            }
        };
        Self {
            entries,
            largest,
            slots: Mutex::default(),
            revisions: AtomicU64::new(0),
            epoch: Instant::now(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0).after(self.epoch.elapsed())
    }

    /// Locks the slots. Every operation that touches a slot holds this lock, and so is atomic over
    /// entry and slots.
    fn slots(&self) -> MutexGuard<'_, Slots> {
        lock(&self.slots)
    }

    fn snapshot(&self, key: &Key) -> Option<Snapshot> {
        let entry = self.entries.get(key.as_str())?;
        let now = self.now();
        (entry.until > now).then(|| Snapshot { now, ..entry.found })
    }

    fn write(&self, key: &Key, kind: Kind, value: &NewValue) {
        let now = self.now();
        let found = Snapshot::new(value.clone(), self.new_revision(), now, now);
        let until = found.expiry.after(value.stale);
        let found = Snapshot { kind, ..found };
        self.entries.insert(key.as_str().to_owned(), Entry { found, until });
    }

    /// Marks the entry not to be loaded anew for `pause`.
    fn hold_off(&self, key: &Key, pause: Duration) {
        if let Some(mut entry) = self.entries.get(key.as_str()) {
            entry.found.retry_at = Some(self.now().after(pause));
            entry.found.revision = self.new_revision();
            self.entries.insert(key.as_str().to_owned(), entry);
        }
    }

    fn new_revision(&self) -> Revision {
        Revision(self.revisions.fetch_add(1, Ordering::Relaxed))
    }

    fn try_acquire(&self, key: &Key, request: &Acquire<'_>) -> Acquired {
        let mut slots = self.slots();
        if request.take != Take::Force
            && let Some(newer) = self.snapshot(key)
            && Some(newer.revision) != request.seen
        {
            return Acquired::Newer(newer);
        }
        let &Acquire { token, lease, take, .. } = request;
        match slots.take(key.as_str(), token, lease, take, self.now()) {
            Ok(()) => Acquired::Lease,
            Err(held) => Acquired::Held(held),
        }
    }

    fn try_finish(&self, key: &Key, tokens: &[Token], outcome: &Outcome) -> bool {
        let mut slots = self.slots();
        if !slots.hold_any(key.as_str(), tokens, self.now()) {
            return false;
        }
        match outcome {
            Outcome::Store(value) => self.write(key, Kind::Value, value),
            Outcome::Uncacheable(ttl) => self.mark(key, *ttl),
            Outcome::Postpone(pause) => self.hold_off(key, *pause),
            Outcome::Release => {}
        }
        match outcome {
            Outcome::Store(_) | Outcome::Uncacheable(_) => slots.clear(key.as_str()),
            Outcome::Postpone(_) | Outcome::Release => slots.release(key.as_str(), tokens),
        }
        true
    }

    /// Marks the key as not to be cached. A value that is valid stays, and is held off.
    fn mark(&self, key: &Key, ttl: Duration) {
        if self.snapshot(key).is_some_and(|found| found.is_valid_value()) {
            self.hold_off(key, ttl);
        } else {
            self.write(key, Kind::Uncacheable, &NewValue::new(Bytes::new(), ttl));
        }
    }
}

impl Default for MemoryStore {
    /// A store of up to 10,000 entries.
    fn default() -> Self {
        Self::with_entries(DEFAULT_ENTRIES)
    }
}

impl Store for MemoryStore {
    fn traits(&self) -> Traits {
        Traits { answers_at_once: true, largest_entry: self.largest, ..Traits::default() }
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::ready(Ok(self.snapshot(key)))
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        StoreFuture::ready(Ok(self.try_acquire(key, request)))
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        let renewed = self.slots().renew(key.as_str(), token, lease, self.now());
        StoreFuture::ready(Ok(renewed))
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool> {
        StoreFuture::ready(Ok(self.try_finish(key, tokens, outcome)))
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        let mut slots = self.slots();
        for key in keys {
            self.entries.remove(key.as_str());
            slots.clear(key.as_str());
        }
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

/// How much an entry counts against the store's bound.
#[derive(Clone, Copy)]
enum Weigh {
    Entries,
    Bytes,
}

impl Weighter<String, Entry> for Weigh {
    fn weight(&self, key: &String, entry: &Entry) -> u64 {
        match self {
            Self::Entries => 1,
            Self::Bytes => (key.len() + entry.found.payload.len()) as u64,
        }
    }
}
