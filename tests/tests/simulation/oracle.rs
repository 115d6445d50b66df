//! What must hold.
//!
//! Every change of the database is a new version. Once the cache has accepted the invalidation that
//! follows it, that version is the key's *floor*: no call that starts from then on may be given an
//! older one, and the store may take no older one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::journal::{What, Who};
use crate::world::World;

/// What is cached: a version of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Value {
    pub(crate) key: usize,
    pub(crate) version: u64,
    /// How long it may be cached; zero is not at all.
    pub(crate) ttl: Duration,
}

/// The error of a recompute, and what it panics with: what it has read, and for which call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed {
    pub(crate) value: Value,
    pub(crate) by: u64,
}

/// A call, as the oracle knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) who: Who,
    pub(crate) key: usize,
    pub(crate) number: u64,
    pub(crate) begun: Duration,
    /// The floor when it started.
    floor: u64,
}

impl Call {
    /// Whether both are calls for one key in one process.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (self.who, self.key) == (other.who, other.key) && self.number != other.number
    }
}

impl World {
    /// Notes that a call starts now.
    pub(crate) fn begin(&self, who: Who, key: usize, how: impl Into<String>) -> Call {
        let mut state = self.state();
        state.stats.calls += 1;
        let (number, floor) = (state.stats.calls, state.rows[key].floor);
        let (how, begun) = (how.into(), state.now());
        state.log(Some(key), What::Called { who, call: number, floor, how });
        Call { who, key, number, begun, floor }
    }

    /// A recompute reads the database.
    pub(crate) fn read(&self, call: Call, ttl: Duration) -> Value {
        let mut state = self.state();
        state.stats.loads += 1;
        let version = state.rows[call.key].version;
        state.log(Some(call.key), What::Read { who: call.who, call: call.number, version });
        Value { key: call.key, version, ttl }
    }

    /// Checks the value that a call was given.
    pub(crate) fn given(&self, call: Call, value: Value) {
        self.ended(call, format!("is given version {}", value.version));
        self.state().stats.values += 1;
        self.check(call, value);
    }

    /// Checks the error that a call was given: it may say as much about the data as a value does.
    pub(crate) fn failed(&self, call: Call, Failed { value, .. }: Failed) {
        self.ended(call, format!("is given an error about version {}", value.version));
        self.state().stats.errors += 1;
        self.check(call, value);
    }

    fn check(&self, call: Call, value: Value) {
        let mut state = self.state();
        let (key, number) = (Some(call.key), call.number);
        if value.key != call.key {
            state.violation(key, format!("#{number} was given a value of k{}", value.key));
        }
        if value.version < call.floor {
            let Value { version, .. } = value;
            let floor = call.floor;
            state.violation(key, format!("#{number} started at floor {floor}, got {version}"));
        }
    }

    /// Notes that a call ended without a value as it may.
    pub(crate) fn missed(&self, call: Call, how: &'static str) {
        self.ended(call, how.to_owned());
    }

    /// Notes that a call failed as it may not.
    pub(crate) fn betrayed(&self, call: Call, how: impl Into<String>) {
        self.state().violation(Some(call.key), format!("#{} {}", call.number, how.into()));
    }

    pub(crate) fn dropped(&self, call: Call) {
        self.ended(call, "is dropped".to_owned());
        self.state().stats.dropped += 1;
    }

    /// Notes that the panic of its own body went on in a call.
    pub(crate) fn panicked(&self, call: Call) {
        self.ended(call, "panics".to_owned());
        self.state().stats.panics += 1;
    }

    /// Notes that a call's caller leaves it alone for a while.
    pub(crate) fn stalls(&self, call: Call, lasts: Duration) {
        self.is_left_alone(call);
        self.ended(call, format!("is not polled for {lasts:?}"));
    }

    /// Notes that a call's caller has forgotten it.
    pub(crate) fn parked(&self, call: Call) {
        self.is_left_alone(call);
        self.ended(call, "is not polled any more".to_owned());
    }

    fn ended(&self, call: Call, end: String) {
        let what = What::Ended { who: call.who, call: call.number, end };
        self.state().log(Some(call.key), what);
    }

    /// Whether a lock is left.
    pub(crate) fn is_locked(&self, elapsed: Duration) -> bool {
        !self.state().table.locked(micros(elapsed)).is_empty()
    }

    /// Checks that no lock is left, when all leases must have run out.
    pub(crate) fn nothing_is_locked(&self, elapsed: Duration) {
        let mut state = self.state();
        let locked = state.table.locked(micros(elapsed)).join(", ");
        if !locked.is_empty() {
            state.violation(None, format!("still locked: {locked}"));
        }
    }

    /// Checks a value that the store has taken under `token`.
    pub(crate) fn stored(&self, value: Value, token: &str) {
        let mut state = self.state();
        let (key, row) = (Some(value.key), state.rows[value.key]);
        if value.version < row.floor {
            let (floor, version) = (row.floor, value.version);
            state.violation(key, format!("the store took version {version} at floor {floor}"));
        }
        state.stats.stored += 1;
        let fills = state.fills.entry(token.to_owned()).or_default();
        *fills += 1;
        if *fills > 1 {
            state.violation(key, "one lease stored two loads");
        }
    }
}

fn micros(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).expect("a run is short")
}
