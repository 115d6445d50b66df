//! One run: its database, its store, and its record.
//!
//! Hosts run one after the other on one thread, so the order in which they come here is the order
//! in which things happened, whatever the virtual clocks say within a tick.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::journal::{Event, Journal, What, Who};
use crate::plan::Plan;
use crate::table::Table;
use crate::waits::Waits;

pub(crate) struct World {
    pub(crate) plan: Plan,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) rows: Vec<Row>,
    pub(crate) table: Table,
    /// How many values each token has stored.
    pub(crate) fills: HashMap<String, u32>,
    pub(crate) waits: Waits,
    pub(crate) stats: Stats,
    /// The virtual time, for what happens outside of a host.
    pub(crate) outside: Duration,
    pub(crate) journal: Journal,
    lives: Vec<u64>,
    finished: usize,
}

/// One key in the database.
#[derive(Clone, Copy, Default)]
pub(crate) struct Row {
    pub(crate) version: u64,
    /// The version whose invalidation the cache has accepted.
    pub(crate) floor: u64,
    pub(crate) invalidating: u32,
    pub(crate) setting: bool,
}

/// What was done, for the record.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stats {
    pub(crate) calls: u64,
    pub(crate) values: u64,
    pub(crate) errors: u64,
    pub(crate) panics: u64,
    pub(crate) detached: u64,
    pub(crate) dropped: u64,
    pub(crate) loads: u64,
    /// The loads of calls that had waited for as long as they may.
    pub(crate) guests: u64,
    pub(crate) operations: u64,
    pub(crate) stored: u64,
    pub(crate) refused: u64,
    pub(crate) changes: u64,
    pub(crate) accepted: u64,
    pub(crate) troubles: u64,
    /// The closest that a call came to the longest wait, in percent of it.
    pub(crate) closest: u128,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        let state = State {
            rows: vec![Row::default(); plan.keys],
            lives: vec![0; plan.workers],
            ..State::default()
        };
        Arc::new(Self { plan, state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics with the state locked")
    }

    /// Starts a worker, and says for which time.
    pub(crate) fn starts(&self, worker: usize) -> Who {
        let mut state = self.state();
        let who = Who { worker, life: state.lives[worker] };
        state.lives[worker] += 1;
        state.log(None, What::Started(who));
        who
    }

    /// Notes that a worker has come to the end of its work.
    pub(crate) fn finishes(&self) {
        self.state().finished += 1;
    }

    /// Whether there is nothing more to wait for.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state();
        state.finished == self.plan.workers || state.journal.failed()
    }

    /// The first violation and what led to it, if there is one.
    pub(crate) fn failure(&self) -> Option<String> {
        self.state().journal.failure()
    }
}

impl State {
    pub(crate) fn now(&self) -> Duration {
        turmoil::sim_elapsed().unwrap_or(self.outside)
    }

    pub(crate) fn log(&mut self, key: Option<usize>, what: What) {
        let at = self.now();
        self.journal.note(Event { at, key, what });
    }

    pub(crate) fn violation(&mut self, key: Option<usize>, violation: impl Into<String>) {
        self.log(key, What::Violation(violation.into()));
    }
}

impl Stats {
    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.values += other.values;
        self.errors += other.errors;
        self.panics += other.panics;
        self.detached += other.detached;
        self.dropped += other.dropped;
        self.loads += other.loads;
        self.guests += other.guests;
        self.operations += other.operations;
        self.stored += other.stored;
        self.refused += other.refused;
        self.changes += other.changes;
        self.accepted += other.accepted;
        self.troubles += other.troubles;
        self.closest = self.closest.max(other.closest);
    }

    /// Notes how close to `longest` a call came.
    pub(crate) fn took(&mut self, time: Duration, longest: Duration) {
        self.closest = self.closest.max(time.as_millis() * 100 / longest.as_millis().max(1));
    }
}
