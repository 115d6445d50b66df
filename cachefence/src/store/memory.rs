//! The memory store: entries and slots inside this process.
//!
//! Entries live in a bounded cache, slots in a map beside it. Each step that touches a slot or changes an
//! entry runs under one lock, and so is atomic over entry and slots; a read that finds its entry does not
//! take this lock. Time is the process's monotonic clock, counted from the making of the store. Every
//! operation is ready at once, so the engine shares no reads of this store.
//!
//! No timer removes expired entries. Whatever takes the lock, which is everything but a hit, removes a few of
//! those that have been expired for the longest; and as each operation adds one entry at the most, fewer are left.

#[cfg(test)]
mod tests;

mod bound;
mod expiries;
mod record;
mod slots;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder};
use tokio::time::Instant;

use self::bound::{Bound, Weigh};
use self::expiries::Expiries;
use self::record::Record;
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
/// When it is full, the entries that are used least make room (S3-FIFO, by `quick_cache`). Other
/// processes do not see the store, and nothing is left of it when the process ends. Clones of one
/// `Arc<MemoryStore>` may serve several caches.
///
/// # Expired entries
///
/// An entry is kept for its ttl and the longer of its stale windows. Then it is never served, and leaves
/// without anybody asking for it: each operation of the store but a hit removes up to 64 of the entries that have
/// been expired for the longest, whichever keys it concerns. That is every load, `set` and `invalidate`, and each
/// call that finds nothing. The store has no task and no timer of its own, so while nothing or only hits are asked
/// of it, expired entries stay where they are, within its bound.
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
    entries: Cache<Arc<str>, Record, Weigh, DefaultHashBuilder, Leaving>,
    /// The most bytes that the key and the value of one entry may have together.
    largest: Option<usize>,
    state: Mutex<State>,
    revisions: AtomicU64,
    epoch: Instant,
}

/// What is changed together with the entries.
#[derive(Default)]
struct State {
    slots: Slots,
    expiries: Expiries,
}

impl MemoryStore {
    /// A store of up to `entries` entries, at least 1.
    pub fn with_entries(entries: usize) -> Self {
        Self::with(&Bound::entries(entries.max(1)))
    }

    /// A store that takes up to `bytes` bytes of memory.
    ///
    /// The bound counts what an entry takes: its key, its encoded value, some 220 bytes beside them, and its place in the
    /// store's tables. The tables, which grow as they are needed, have up to a quarter of the bound, and the entries the rest.
    /// Small entries count as 340 to 800 bytes, which depends on the bound, so that no tables are needed for more than some
    /// 1,200 to 2,300 entries a MiB. Not counted are the leases of loads that are under way, and what the allocator does not
    /// give back to the system.
    ///
    /// The bound is divided among shards of at least 16 MiB. A value that is larger than some 72 % of its
    /// shard is served and not stored, which is told as an event; [`set`](crate::Entry::set) returns an error.
    /// Below 1,000 bytes there may be no room for any entry.
    pub fn with_bytes(bytes: u64) -> Self {
        Self::with(&Bound::bytes(bytes))
    }

    fn with(bound: &Bound) -> Self {
        let &Bound { capacity, entries, shards, weigh, largest } = bound;
        let options = OptionsBuilder::new()
            .estimated_items_capacity(entries)
            .weight_capacity(capacity)
            .shards(shards)
            .build();
        let hasher = DefaultHashBuilder::default();
        let entries = match options {
            Ok(options) => Cache::with_options(options, weigh, hasher, Leaving),
            // Both capacities are given, so this branch is not reached. It would serve as well.
            Err(_) => Cache::with(entries, capacity, weigh, hasher, Leaving),
        };
        Self {
            entries,
            largest,
            state: Mutex::default(),
            revisions: AtomicU64::new(0),
            epoch: Instant::now(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0).after(self.epoch.elapsed())
    }

    /// Takes the lock under which slots and entries are changed, so that each operation is atomic over both, and
    /// removes expired entries.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        self.sweep(&mut state);
        state
    }

    /// Removes up to 64 of the entries that have been expired for the longest.
    fn sweep(&self, state: &mut State) {
        const MOST: usize = 64;
        let now = self.now();
        for key in std::iter::from_fn(|| state.expiries.pop(now)).take(MOST) {
            self.entries.remove(&*key);
        }
    }

    /// Removes expired entries on behalf of a read that finds nothing, unless somebody has the lock, who does it.
    #[cold]
    fn sweep_in_passing(&self) {
        match self.state.try_lock() {
            Ok(mut state) => self.sweep(&mut state),
            Err(TryLockError::Poisoned(mut poisoned)) => self.sweep(poisoned.get_mut()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn snapshot(&self, key: &Key) -> Option<Snapshot> {
        self.entries.get(key.as_str())?.at(self.now())
    }

    fn write(&self, state: &mut State, key: &Key, kind: Kind, value: &NewValue) {
        let now = self.now();
        let found = Snapshot::new(value.clone(), self.new_revision(), now, now);
        let until = found.expiry.after(value.stale);
        self.put(state, key, &Snapshot { kind, ..found }, until);
    }

    /// Marks the entry not to be loaded anew for `pause`.
    fn hold_off(&self, state: &mut State, key: &Key, pause: Duration) {
        let Some(record) = self.entries.get(key.as_str()) else { return };
        let (now, until) = (self.now(), record.until());
        let Some(found) = record.at(now) else { return };
        let (retry_at, revision) = (Some(now.after(pause)), self.new_revision());
        self.put(state, key, &Snapshot { retry_at, revision, ..found }, until);
    }

    fn put(&self, state: &mut State, key: &Key, found: &Snapshot, until: Timestamp) {
        let key: Arc<str> = key.as_str().into();
        let mut left = Vec::new();
        let record = Record::new(found, until);
        self.entries.insert_with_lifecycle(Arc::clone(&key), record, &mut left);
        let mut is_kept = true;
        for (old, record) in left {
            // An entry that is too large for its shard leaves at once.
            is_kept &= !Arc::ptr_eq(&old, &key);
            state.expiries.remove(record.until(), old);
        }
        if is_kept {
            state.expiries.insert(until, key);
        }
    }

    /// Removes the entry and both slots.
    fn remove(&self, state: &mut State, key: &Key) {
        if let Some((key, record)) = self.entries.remove(key.as_str()) {
            state.expiries.remove(record.until(), key);
        }
        state.slots.clear(key.as_str());
    }

    fn new_revision(&self) -> Revision {
        Revision(self.revisions.fetch_add(1, Ordering::Relaxed))
    }

    fn try_acquire(&self, key: &Key, request: &Acquire<'_>) -> Acquired {
        let mut state = self.state();
        if request.take != Take::Force
            && let Some(newer) = self.snapshot(key)
            && Some(newer.revision) != request.seen
        {
            return Acquired::Newer(newer);
        }
        let &Acquire { token, lease, take, .. } = request;
        match state.slots.take(key.as_str(), token, lease, take, self.now()) {
            Ok(()) => Acquired::Lease,
            Err(held) => Acquired::Held(held),
        }
    }

    fn try_finish(&self, key: &Key, tokens: &[Token], outcome: &Outcome) -> bool {
        let state = &mut *self.state();
        if !state.slots.hold_any(key.as_str(), tokens, self.now()) {
            return false;
        }
        match outcome {
            Outcome::Store(value) => self.write(state, key, Kind::Value, value),
            Outcome::Uncacheable(ttl) => self.mark(state, key, *ttl),
            Outcome::Postpone(pause) => self.hold_off(state, key, *pause),
            Outcome::Release => {}
        }
        match outcome {
            Outcome::Store(_) | Outcome::Uncacheable(_) => state.slots.clear(key.as_str()),
            Outcome::Postpone(_) | Outcome::Release => state.slots.release(key.as_str(), tokens),
        }
        true
    }

    /// Marks the key as not to be cached. A value that is valid stays, and is held off.
    fn mark(&self, state: &mut State, key: &Key, ttl: Duration) {
        if self.snapshot(key).is_some_and(|found| found.is_valid_value()) {
            self.hold_off(state, key, ttl);
        } else {
            let nothing = NewValue::new(Bytes::new(), ttl);
            self.write(state, key, Kind::Uncacheable, &nothing);
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
        let found = self.snapshot(key);
        if found.is_none() {
            self.sweep_in_passing();
        }
        StoreFuture::ready(Ok(found))
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        StoreFuture::ready(Ok(self.try_acquire(key, request)))
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        let renewed = self.state().slots.renew(key.as_str(), token, lease, self.now());
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
        let mut state = self.state();
        for key in keys {
            self.remove(&mut state, key);
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

/// Collects the entries that an insertion drops: what is replaced, what makes room, and the new one if it is too large.
#[derive(Clone)]
struct Leaving;

impl Lifecycle<Arc<str>, Record> for Leaving {
    type RequestState = Vec<(Arc<str>, Record)>;

    fn on_evict(&self, left: &mut Self::RequestState, key: Arc<str>, record: Record) {
        left.push((key, record));
    }
}
