//! The ledger: the database that the loads read, and which of its versions a call may be given.
//!
//! The ledger lives in the test process, which learns of one event after another. So the ledger is
//! linearizable, and knows which version each load has read.

use std::collections::BTreeMap;

use super::protocol::{Outcome, Row};

#[derive(Debug, Default)]
pub(super) struct Ledger {
    keys: BTreeMap<String, Facts>,
    calls: BTreeMap<u64, Call>,
    /// How many of the calls are each worker's.
    open: BTreeMap<u64, u64>,
    numbered: u64,
    /// For which call each read was.
    readers: Vec<u64>,
    pub(super) counts: Counts,
}

/// What is known of one key.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    /// What the database holds.
    version: u64,
    /// The oldest version that a call which starts now may be given.
    floor: u64,
}

/// A call that has not returned.
#[derive(Debug)]
struct Call {
    worker: u64,
    key: String,
    /// The floor when it was started.
    floor: u64,
}

/// How much has happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Calls started.
    pub calls: u64,
    /// Values returned.
    pub values: u64,
    /// Calls that returned, of those that were started after an `invalidate` of their key.
    pub bounded: u64,
    /// Errors of loads returned.
    pub failures: u64,
    /// Panics of loads that went on in their calls.
    pub panics: u64,
    /// Loads started.
    pub loads: u64,
    /// Loads that were answered with a version that had been invalidated since they read it.
    pub outdated: u64,
    /// Calls of `invalidate` that returned `Ok`.
    pub invalidated: u64,
    /// Calls of `invalidate` that returned an error.
    pub uncertain: u64,
}

impl Ledger {
    /// Numbers a call.
    pub(super) fn begin(&mut self, worker: u64, key: &str) -> u64 {
        let number = self.numbered;
        self.numbered += 1;
        self.counts.calls += 1;
        let floor = self.facts(key).floor;
        self.calls.insert(number, Call { worker, key: key.to_owned(), floor });
        *self.open.entry(worker).or_default() += 1;
        number
    }

    /// Strikes out a call that returned, and says what is wrong with what it returned.
    pub(super) fn end(&mut self, call: u64, outcome: &Outcome) -> Result<(), String> {
        let Some(Call { key, floor, .. }) = self.strike_out(call) else {
            return Err(format!("call {call} returned twice: {outcome:?}"));
        };
        let row = match outcome {
            Outcome::Value(row) => {
                self.counts.values += 1;
                row
            }
            Outcome::LoadFailed(row) => {
                self.counts.failures += 1;
                row
            }
            Outcome::Panicked(row) => {
                self.counts.panics += 1;
                row
            }
            Outcome::Error(error) => return Err(format!("call {call} failed: {error}")),
        };
        self.counts.bounded += u64::from(floor > 0);
        let newest = self.facts(&key).version;
        if row.key != key {
            Err(format!("call {call} asked for {key} and was given {row:?}"))
        } else if row.version < floor {
            Err(format!(
                "call {call} was given version {} of {key}, read by load {}; what is older than version {floor} had \
                 been invalidated before the call began",
                row.version, row.read
            ))
        } else if row.version > newest || self.reader(row).is_none() {
            Err(format!("call {call} was given {row:?}, which nobody has read"))
        } else if matches!(outcome, Outcome::Panicked(_)) && self.reader(row) != Some(call) {
            Err(format!(
                "call {call} was hit by the panic of load {}, which is not its own",
                row.read
            ))
        } else {
            Ok(())
        }
    }

    /// Strikes out a call that was cancelled; it may have returned before.
    pub(super) fn drop_call(&mut self, call: u64) {
        self.strike_out(call);
    }

    /// Strikes out the calls of a worker that is dead.
    pub(super) fn drop_calls_of(&mut self, worker: u64) {
        self.calls.retain(|_, call| call.worker != worker);
        self.open.remove(&worker);
    }

    /// The workers whose calls have not all returned.
    pub(super) fn busy(&self) -> impl Iterator<Item = u64> {
        self.open.keys().copied()
    }

    /// The calls that have not returned, with their workers.
    pub(super) fn open(&self) -> impl Iterator<Item = (u64, u64)> {
        self.calls.iter().map(|(number, call)| (*number, call.worker))
    }

    /// Reads `key` for a load of `call`.
    pub(super) fn read(&mut self, call: u64, key: &str) -> Row {
        let read = u64::try_from(self.readers.len()).expect("reads are few");
        self.readers.push(call);
        self.counts.loads += 1;
        Row { key: key.to_owned(), version: self.facts(key).version, read }
    }

    /// Changes what the database holds.
    pub(super) fn change(&mut self, key: &str) -> u64 {
        let facts = self.facts(key);
        facts.version += 1;
        facts.version
    }

    pub(super) fn version(&mut self, key: &str) -> u64 {
        self.facts(key).version
    }

    /// An `invalidate` that was sent when the database held `version` has returned `Ok`.
    pub(super) fn invalidated(&mut self, key: &str, version: u64) {
        self.counts.invalidated += 1;
        let facts = self.facts(key);
        facts.floor = facts.floor.max(version);
    }

    pub(super) fn is_outdated(&mut self, row: &Row) -> bool {
        row.version < self.facts(&row.key).floor
    }

    /// The call for which a row was read.
    fn reader(&self, row: &Row) -> Option<u64> {
        self.readers.get(usize::try_from(row.read).ok()?).copied()
    }

    fn strike_out(&mut self, call: u64) -> Option<Call> {
        let call = self.calls.remove(&call)?;
        let open = self.open.get_mut(&call.worker).expect("it was counted");
        *open -= 1;
        if *open == 0 {
            self.open.remove(&call.worker);
        }
        Some(call)
    }

    fn facts(&mut self, key: &str) -> &mut Facts {
        if !self.keys.contains_key(key) {
            self.keys.insert(key.to_owned(), Facts::default());
        }
        self.keys.get_mut(key).expect("it was inserted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_an_invalidation_is_for_the_calls_before_it() {
        let mut ledger = Ledger::default();
        let before = ledger.begin(0, "k");
        let row = ledger.read(before, "k");
        let version = ledger.change("k");
        let during = ledger.begin(0, "k");
        ledger.invalidated("k", version);
        let after = ledger.begin(0, "k");
        let old = Outcome::Value(row.clone());
        ledger.end(before, &old).unwrap();
        ledger.end(during, &old).unwrap();
        ledger.end(after, &old).unwrap_err();
        let after = ledger.begin(0, "k");
        ledger.end(after, &Outcome::LoadFailed(row)).unwrap_err();
        assert_eq!((ledger.open().count(), ledger.busy().count()), (0, 0));
        let next = ledger.begin(0, "k");
        let new = ledger.read(next, "k");
        ledger.end(next, &Outcome::Value(new)).unwrap();
    }

    #[test]
    fn a_value_that_nobody_read_is_seen() {
        let mut ledger = Ledger::default();
        let other = Outcome::Value(ledger.read(0, "other"));
        let call = ledger.begin(0, "k");
        ledger.end(call, &other).unwrap_err();
        let call = ledger.begin(0, "k");
        let unread = Row { key: "k".to_owned(), version: 0, read: 1 };
        ledger.end(call, &Outcome::Value(unread)).unwrap_err();
    }

    #[test]
    fn a_panic_goes_on_in_the_call_that_ran_its_load() {
        let mut ledger = Ledger::default();
        let (call, other) = (ledger.begin(0, "k"), ledger.begin(0, "k"));
        let row = ledger.read(call, "k");
        ledger.end(other, &Outcome::Panicked(row.clone())).unwrap_err();
        ledger.end(call, &Outcome::Panicked(row)).unwrap();
    }
}
