//! A place in the fleet: what is known of the worker process that has it.

use std::time::Instant;

use serde::Serialize;

use crate::message::Counts;

/// A place in the fleet, and the process that has it now.
#[derive(Default)]
pub(super) struct Place {
    pub(super) pid: Option<u32>,
    pub(super) port: Option<u16>,
    /// Since when this worker has led the load of the fenced side.
    pub(super) leads_since: Option<Instant>,
    /// Whether that load refreshes a value that is still valid.
    pub(super) early: bool,
    pub(super) counts: Counts,
    counted: Option<Instant>,
}

/// The same for the page.
#[derive(Serialize)]
pub(super) struct WorkerView {
    slot: usize,
    pid: Option<u32>,
    up: bool,
    leads: bool,
    waiting: PerSide<usize>,
    querying: PerSide<usize>,
    store: String,
}

/// One of each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct PerSide<T> {
    pub(crate) naive: T,
    pub(crate) fenced: T,
}

impl Place {
    pub(super) fn is_up(&self) -> bool {
        self.pid.is_some() && self.port.is_some()
    }

    pub(super) fn start(&mut self, pid: u32) {
        *self = Self { pid: Some(pid), ..Self::default() };
    }

    pub(super) fn die(&mut self) {
        *self = Self::default();
    }

    /// Takes in the counts of the worker; returns how many queries came to them on each side.
    pub(super) fn count(&mut self, counts: Counts) -> PerSide<u64> {
        let new = PerSide {
            naive: counts.naive_queries - self.counts.naive_queries,
            fenced: counts.fenced_queries - self.counts.fenced_queries,
        };
        (self.counts, self.counted) = (counts, Some(Instant::now()));
        new
    }

    /// For how long the value is still valid now, in seconds.
    pub(super) fn ttl(&self) -> Option<f64> {
        let since = self.counted?.elapsed().as_secs_f64();
        self.counts.ttl.map(|ttl| (ttl - since).max(0.0))
    }

    pub(super) fn view(&self, slot: usize, waiting: PerSide<usize>) -> WorkerView {
        WorkerView {
            slot,
            pid: self.pid,
            up: self.is_up(),
            leads: self.leads_since.is_some(),
            waiting,
            querying: PerSide {
                naive: self.counts.naive_running,
                fenced: self.counts.fenced_running,
            },
            store: self.counts.store.clone(),
        }
    }
}
