//! When entries expire, the earliest first: so those that nobody asks for again are found.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::store::Timestamp;

/// Until when each entry is kept. An entry stands here exactly as long as it is in the store.
#[derive(Default)]
pub(super) struct Expiries(BTreeSet<(Timestamp, Arc<str>)>);

impl Expiries {
    pub(super) fn insert(&mut self, until: Timestamp, key: Arc<str>) {
        self.0.insert((until, key));
    }

    pub(super) fn remove(&mut self, until: Timestamp, key: Arc<str>) {
        self.0.remove(&(until, key));
    }

    /// Takes out the key of the entry that has been expired for the longest.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Arc<str>> {
        if self.0.first()?.0 > now {
            return None;
        }
        self.0.pop_first().map(|(_, key)| key)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
