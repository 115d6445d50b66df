//! Invalidations that have not reached the store.
//!
//! While one is owed, this process does not read the entry: what the store holds is what was to be
//! removed. It is tried again until the store has taken it, in a task that ends when nothing is owed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::Engine;
use crate::error::StoreError;
use crate::key::Key;
use crate::time::{detach, sleep};

/// How many may be owed at a time: a list of keys has to have an end.
const MOST: usize = 100_000;

/// The first pause between two tries, and the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Owed {
    debts: Mutex<Debts>,
    /// How many there are, for those who only want to know that there are none.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Debts {
    /// With the number of the last call that asked for it, or of the last try that failed.
    keys: HashMap<Key, u64>,
    numbers: u64,
    /// Whose they are, once there are any.
    engine: Weak<Engine>,
    /// Whether there is a task that pays.
    paying: bool,
}

impl Owed {
    pub(super) fn has(&self, key: &Key) -> bool {
        self.number(key).is_some()
    }

    /// To be asked before the store is, and given to [`paid`](Self::paid) after.
    pub(super) fn number(&self, key: &Key) -> Option<u64> {
        // A debt was added before its caller was told of it.
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.debts().keys.get(key).copied()
    }

    /// The store has taken an invalidation that was sent when the debt had this number.
    pub(super) fn paid(&self, key: &Key, number: u64) {
        let mut debts = self.debts();
        if debts.keys.get(key) == Some(&number) {
            debts.keys.remove(key);
            self.count.store(debts.keys.len(), Ordering::Release);
        }
    }

    /// Notes `key`, as one of `engine`; `false` if there are too many.
    fn add(&self, key: &Key, engine: Weak<Engine>) -> bool {
        let mut debts = self.debts();
        debts.engine = engine;
        if debts.keys.len() >= MOST && !debts.keys.contains_key(key) {
            return false;
        }
        let number = debts.next_number();
        debts.keys.insert(key.clone(), number);
        self.count.store(debts.keys.len(), Ordering::Release);
        true
    }

    /// Has the others come before `key`, which could not be paid.
    fn defer(&self, key: &Key) {
        let mut debts = self.debts();
        let number = debts.next_number();
        if let Some(last) = debts.keys.get_mut(key) {
            *last = number;
        }
    }

    /// Has a task pay, unless one does: it ends with the runtime that it runs on.
    pub(super) fn pay(&self) {
        let mut debts = self.debts();
        if debts.engine.strong_count() > 0 && !std::mem::replace(&mut debts.paying, true) {
            let paying = Paying { engine: debts.engine.clone(), done: false };
            drop(debts); // which a task that cannot be started takes at once
            detach(paying.pay());
        }
    }

    /// What is to be paid, the oldest first; when that is nothing, the task that pays has to end.
    fn next(&self) -> Vec<Key> {
        let mut debts = self.debts();
        debts.paying = !debts.keys.is_empty();
        let mut keys: Vec<_> = debts.keys.iter().map(|(key, number)| (*number, key)).collect();
        keys.sort_unstable_by_key(|(number, _)| *number);
        keys.into_iter().map(|(_, key)| key.clone()).collect()
    }

    fn debts(&self) -> MutexGuard<'_, Debts> {
        self.debts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debts {
    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl Engine {
    /// Removes the entry now or, if the store cannot be reached, as soon as it can. Gives whether it
    /// is removed already.
    ///
    /// # Errors
    ///
    /// The store's, if too many are owed already.
    pub(crate) async fn invalidate_eventually(
        self: &Arc<Self>,
        key: &Key,
    ) -> Result<bool, StoreError> {
        let Err(error) = self.invalidate(key).await else { return Ok(true) };
        if !self.owed.add(key, Arc::downgrade(self)) {
            return Err(error);
        }
        self.owed.pay();
        Ok(false)
    }
}

/// The task that pays. It does not keep the engine alive.
struct Paying {
    engine: Weak<Engine>,
    done: bool,
}

impl Paying {
    async fn pay(mut self) {
        let mut pause = PAUSE;
        while let Some(engine) = self.engine.upgrade() {
            let keys = engine.owed.next();
            if keys.is_empty() {
                self.done = true;
                return;
            }
            for key in keys {
                // One that fails says enough about the others, for now.
                if engine.invalidate(&key).await.is_err() {
                    engine.owed.defer(&key);
                    break;
                }
                pause = PAUSE;
            }
            drop(engine);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Drop for Paying {
    /// With its runtime gone, the next debt or the next reader of an owed key starts another task.
    fn drop(&mut self) {
        if let Some(engine) = self.engine.upgrade().filter(|_| !self.done) {
            engine.owed.debts().paying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("", name.to_owned(), None).0
    }

    #[test]
    fn a_hundred_thousand_are_owed_and_no_more() {
        let owed = Owed::default();
        let keys: Vec<_> = (0..MOST).map(|number| key(&number.to_string())).collect();
        assert!(keys.iter().all(|key| owed.add(key, Weak::new())));
        assert!(!owed.add(&key("one more"), Weak::new()));
        assert!(owed.add(&keys[0], Weak::new()), "it is owed already");
        owed.paid(&keys[0], owed.number(&keys[0]).unwrap());
        assert!(owed.add(&key("one more"), Weak::new()));
    }

    #[test]
    fn nobody_pays_for_no_engine() {
        let owed = Owed::default();
        assert!(owed.add(&key("k"), Weak::new()));
        owed.pay();
        assert!(!owed.debts().paying, "a task that cannot pay is not taken for one that does");
    }

    #[test]
    fn what_was_sent_before_pays_nothing() {
        let owed = Owed::default();
        let key = key("k");
        assert!(owed.add(&key, Weak::new()));
        let before = owed.number(&key).unwrap();
        assert!(owed.add(&key, Weak::new()));
        owed.paid(&key, before);
        assert!(owed.has(&key));
        owed.paid(&key, owed.number(&key).unwrap());
        assert!(!owed.has(&key));
    }
}
