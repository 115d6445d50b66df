//! Removing entries: now, or as soon as the store can be reached.
//!
//! An invalidation is *pending* while the store has not taken it. This process does not read its entry
//! until then, because the store still holds what was to be removed. A task sends pending invalidations
//! again, the oldest first, and ends when there are none.

use std::collections::HashMap;
use std::pin::pin;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::landing::{Landing, Loads};
use crate::error::StoreError;
use crate::key::Key;
use crate::observe::{Observers, Operation};
use crate::store::Store;
use crate::sync::lock;
use crate::time::{detach, in_time, sleep};

/// How many invalidations may be pending at a time, so that the list is bounded while the store is
/// down.
const MOST: usize = 100_000;

/// The first pause between two tries. The pause doubles each time, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long one try may take of a store that has no budget of its own. Readers of pending keys replace a task that
/// shows no life for a while, so tries without an end would add up.
const LONGEST_TRY: Duration = Duration::from_secs(60);

/// The invalidations of one cache, with those that are pending.
pub(crate) struct Invalidations {
    store: Arc<dyn Store>,
    loads: Arc<Loads>,
    guests: Arc<Loads>,
    observers: Arc<Observers>,
    pending: Mutex<Pending>,
    /// How many invalidations are pending: a caller that finds 0 does not lock the list.
    count: AtomicUsize,
}

#[derive(Default)]
struct Pending {
    /// The pending keys, each with the number of the last call that asked for its invalidation, or of
    /// the last try that failed.
    numbers: HashMap<Key, u64>,
    last_number: u64,
    /// When the task that retries last showed life; `None` if there is none.
    retrying: Option<Instant>,
    /// Which task retries. One that finds another number here has been replaced.
    task: u64,
}

impl Invalidations {
    pub(super) fn new(
        store: Arc<dyn Store>,
        [loads, guests]: [Arc<Loads>; 2],
        observers: Arc<Observers>,
    ) -> Self {
        let (pending, count) = (Mutex::default(), AtomicUsize::new(0));
        Self { store, loads, guests, observers, pending, count }
    }

    /// How many invalidations are pending.
    pub(crate) fn pending_count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn is_pending(&self, key: &Key) -> bool {
        self.number(key).is_some()
    }

    /// Removes the entry, and voids every load that is under way.
    pub(crate) async fn invalidate(&self, key: &Key) -> Result<(), StoreError> {
        self.invalidate_many(slice::from_ref(key)).await
    }

    /// Removes the entries in one operation of the store, and voids every load of them that is under way.
    pub(crate) async fn invalidate_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        let Some(first) = keys.first() else { return Ok(()) };
        let pending: Vec<_> =
            keys.iter().filter_map(|key| Some((key, self.number(key)?))).collect();
        self.observers.asked(Operation::Invalidate);
        let result = self.store.invalidate(keys).await;
        match &result {
            Ok(()) => pending.into_iter().for_each(|(key, number)| self.sent(key, number)),
            // One operation has failed, which is told of once.
            Err(error) => self.observers.store_failed(Operation::Invalidate, first, error),
        }
        // Loads are voided after the store has answered: a flight that begins in between finds the
        // lease free.
        for key in keys {
            self.void_loads(key);
        }
        result
    }

    /// Frees those who wait for loads of the key in this process: what the loads read may be older than what their
    /// callers know. Those who wait for a guest came before the invalidation, and may have what the guest read; nobody
    /// joins them any more.
    pub(super) fn void_loads(&self, key: &Key) {
        self.loads.void(key.as_str(), Landing::ReadAgain);
        self.guests.seal(key.as_str());
    }

    /// Removes the entry now or, if the store cannot be reached, as soon as it can be. Returns whether
    /// the entry is removed already.
    ///
    /// # Errors
    ///
    /// The store's error, if too many invalidations are pending already.
    pub(crate) async fn invalidate_eventually(
        self: &Arc<Self>,
        key: &Key,
    ) -> Result<bool, StoreError> {
        let Err(error) = self.invalidate(key).await else { return Ok(true) };
        if !self.add(key) {
            return Err(error);
        }
        self.retry();
        Ok(false)
    }

    /// Starts a task that sends the pending invalidations, unless there is one that shows life. The runtime of a
    /// task may have ended, or be driven no more, so every reader of a pending key calls this again.
    pub(super) fn retry(self: &Arc<Self>) {
        let mut pending = self.pending();
        if pending.retrying.is_none_or(|life| life.elapsed() >= self.stuck_after()) {
            pending.retrying = Some(Instant::now());
            pending.task += 1;
            let task = pending.task;
            drop(pending); // a task that cannot be started takes this lock when dropped
            detach(Retrying { invalidations: Arc::downgrade(self), task }.run());
        }
    }

    /// How long the task that retries shows no life at the most, if it is polled: one pause, and one
    /// operation of the store.
    fn stuck_after(&self) -> Duration {
        let operation = self.store.traits().call_budget.unwrap_or(LONGEST_PAUSE);
        LONGEST_PAUSE.saturating_add(operation.saturating_mul(2))
    }

    /// Sends the pending invalidation of `key` once more. Returns whether the store has taken it.
    async fn try_once(&self, key: &Key) -> bool {
        let longest = self.store.traits().call_budget.unwrap_or(LONGEST_TRY);
        let Some(sent) = in_time(longest, pin!(self.invalidate(key))).await else {
            let error = StoreError::too_slow();
            self.observers.store_failed(Operation::Invalidate, key, &error);
            return false;
        };
        sent.is_ok()
    }

    /// Sends all pending invalidations once more.
    ///
    /// # Errors
    ///
    /// The store's, as soon as it does not take one.
    pub(super) async fn send_all(&self) -> Result<(), StoreError> {
        for key in self.queue() {
            self.invalidate(&key).await?;
        }
        Ok(())
    }

    /// The number of the key's pending invalidation. It is asked for before an invalidation is sent,
    /// and given to [`sent`](Self::sent) afterwards.
    fn number(&self, key: &Key) -> Option<u64> {
        // Acquire: an invalidation is counted before the call that asked for it returns, so no call
        // that starts later misses it.
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.pending().numbers.get(key).copied()
    }

    /// Removes the pending invalidation, because the store has taken one that was sent when the pending
    /// one had this `number`. If its number has changed since, another call has asked meanwhile, and it
    /// stays.
    fn sent(&self, key: &Key, number: u64) {
        let mut pending = self.pending();
        if pending.numbers.get(key) == Some(&number) {
            pending.numbers.remove(key);
            self.count.store(pending.numbers.len(), Ordering::Release);
            drop(pending);
            self.observers.pending_changed(-1.0);
        }
    }

    /// Makes the invalidation of `key` pending; `false` if too many are.
    fn add(&self, key: &Key) -> bool {
        let mut pending = self.pending();
        if pending.numbers.len() >= MOST && !pending.numbers.contains_key(key) {
            return false;
        }
        let number = pending.next_number();
        let is_new = pending.numbers.insert(key.clone(), number).is_none();
        self.count.store(pending.numbers.len(), Ordering::Release);
        drop(pending);
        if is_new {
            self.observers.pending_changed(1.0);
            self.observers.invalidation_pending(key);
        }
        true
    }

    /// Moves `key`, whose invalidation has failed again, behind the others.
    fn requeue(&self, key: &Key) {
        let mut pending = self.pending();
        let number = pending.next_number();
        if let Some(last) = pending.numbers.get_mut(key) {
            *last = number;
        }
    }

    /// The pending keys, the oldest first.
    fn queue(&self) -> Vec<Key> {
        let pending = self.pending();
        let mut queue: Vec<_> =
            pending.numbers.iter().map(|(key, number)| (*number, key)).collect();
        queue.sort_unstable_by_key(|(number, _)| *number);
        queue.into_iter().map(|(_, key)| key.clone()).collect()
    }

    /// Shows that this `task` is alive. Returns whether it is to go on: there is something to send, and no other task
    /// has taken its place.
    fn goes_on(&self, task: u64) -> bool {
        let mut pending = self.pending();
        if pending.task != task {
            return false;
        }
        pending.retrying = (!pending.numbers.is_empty()).then(Instant::now);
        pending.retrying.is_some()
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        lock(&self.pending)
    }
}

impl Drop for Invalidations {
    /// A cache that is dropped sends no pending invalidations, so the gauge stops counting them.
    fn drop(&mut self) {
        for _ in 0..self.pending_count() {
            self.observers.pending_changed(-1.0);
        }
    }
}

impl Pending {
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

/// The task that sends pending invalidations. It does not keep the cache alive.
struct Retrying {
    invalidations: Weak<Invalidations>,
    task: u64,
}

impl Retrying {
    async fn run(self) {
        let mut pause = PAUSE;
        while let Some(invalidations) = self.invalidations.upgrade() {
            for key in invalidations.queue() {
                if !invalidations.goes_on(self.task) {
                    return;
                }
                // The others would probably fail too, so they are left for the next round.
                if !invalidations.try_once(&key).await {
                    invalidations.requeue(&key);
                    break;
                }
                pause = PAUSE;
            }
            if !invalidations.goes_on(self.task) {
                return;
            }
            drop(invalidations);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Drop for Retrying {
    /// If the task is dropped with its runtime, the next pending invalidation or the next reader of a
    /// pending key starts another.
    fn drop(&mut self) {
        if let Some(invalidations) = self.invalidations.upgrade() {
            let mut pending = invalidations.pending();
            if pending.task == self.task {
                pending.retrying = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    fn invalidations() -> Arc<Invalidations> {
        let loads = || Arc::new(Loads::new());
        let observers = Arc::new(Observers::new(String::new(), Vec::new()));
        let store = Arc::new(MemoryStore::default());
        Arc::new(Invalidations::new(store, [loads(), loads()], observers))
    }

    fn key(name: &str) -> Key {
        Key::new("", name.to_owned(), None).0
    }

    #[test]
    fn a_hundred_thousand_are_pending_and_no_more() {
        let invalidations = invalidations();
        let keys: Vec<_> = (0..MOST).map(|number| key(&number.to_string())).collect();
        assert!(keys.iter().all(|key| invalidations.add(key)));
        assert!(!invalidations.add(&key("one more")));
        assert!(invalidations.add(&keys[0]), "it is pending already");
        invalidations.sent(&keys[0], invalidations.number(&keys[0]).unwrap());
        assert!(invalidations.add(&key("one more")));
    }

    #[test]
    fn a_task_that_cannot_be_started_is_not_taken_for_one_that_retries() {
        let invalidations = invalidations();
        assert!(invalidations.add(&key("k")));
        invalidations.retry(); // there is no runtime
        assert!(invalidations.pending().retrying.is_none());
    }

    #[test]
    fn what_was_sent_before_does_not_count() {
        let invalidations = invalidations();
        let key = key("k");
        assert!(invalidations.add(&key));
        let before = invalidations.number(&key).unwrap();
        assert!(invalidations.add(&key));
        invalidations.sent(&key, before);
        assert!(invalidations.is_pending(&key));
        invalidations.sent(&key, invalidations.number(&key).unwrap());
        assert!(!invalidations.is_pending(&key));
    }
}
