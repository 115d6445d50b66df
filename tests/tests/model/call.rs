//! What `engine/read` and `engine/load/lead` do: one call from its read to its value.

use crate::flight::Outcome;
use crate::rules::Rules;
use crate::server::Answer;
use crate::state::{
    Attempt, CALLERS, CallerId, Found, Lease, Phase, Reading, State, Version, bit, process_of,
};

/// What a reader makes of the entry that it found. Clocks and draws decide; here, anything may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fresh,
    Early,
    Expired,
}

impl State {
    pub(crate) fn start(&mut self, caller: CallerId) {
        self.callers[caller].floor = self.floor;
        self.callers[caller].phase = Phase::Looks;
        self.look(caller);
    }

    pub(crate) fn look(&mut self, caller: CallerId) {
        match self.listed(process_of(caller)) {
            Some(id) if self.flight(id).cold => {
                self.callers[caller].attempt.looked = false;
                self.callers[caller].flight = id;
                self.callers[caller].phase = Phase::Joined;
            }
            _ => self.enter_read(caller),
        }
    }

    pub(crate) fn enter_read(&mut self, caller: CallerId) {
        let process = process_of(caller);
        self.callers[caller].phase = if self.processes[process].reading.is_some() {
            Phase::SharesRead
        } else {
            let before = self.started(process);
            self.processes[process].reading = Some(Reading { holder: caller, before, found: None });
            Phase::Reads
        };
    }

    pub(crate) fn execute_read(&mut self, caller: CallerId, available: bool) {
        let found = match self.entry {
            _ if !available => Found::Unavailable,
            None => Found::Nothing,
            Some(entry) => Found::Entry(entry),
        };
        if let Some(reading) = &mut self.processes[process_of(caller)].reading {
            reading.found = Some(found);
        }
    }

    pub(crate) fn land_read(&mut self, rules: &Rules, caller: CallerId) {
        let process = process_of(caller);
        let Some(Reading { before, found: Some(found), .. }) =
            self.processes[process].reading.take()
        else {
            return;
        };
        self.callers[caller].phase = Phase::Found(found);
        for sharer in self.in_phase(process, Phase::SharesRead) {
            let may = before & bit(sharer) != 0 || rules.share_earlier_read;
            self.callers[sharer].phase = if may { Phase::Found(found) } else { Phase::ReadsNext };
        }
    }

    /// Takes a read away that its caller cannot finish; the first of the others begins the next.
    pub(crate) fn abandon_read(&mut self, caller: CallerId) {
        let process = process_of(caller);
        self.processes[process].reading = None;
        for sharer in self.in_phase(process, Phase::SharesRead) {
            self.callers[sharer].phase = Phase::ReadsNext;
        }
    }

    pub(crate) fn judge(&mut self, rules: &Rules, caller: CallerId, verdict: Verdict) {
        let Phase::Found(found) = self.callers[caller].phase else { return };
        let attempt = &mut self.callers[caller].attempt;
        match (found, verdict) {
            (Found::Entry(entry), Verdict::Fresh) => return self.give(caller, entry.version),
            (Found::Entry(entry), Verdict::Early) => {
                attempt.seen = Some(entry.id);
                attempt.held = Some(entry.version);
                if self.listed(process_of(caller)).is_some() {
                    self.give(caller, entry.version);
                } else {
                    self.begin(caller, false);
                    self.lead(rules, caller, false);
                }
                return;
            }
            (Found::Entry(entry), Verdict::Expired) => attempt.seen = Some(entry.id),
            (Found::Nothing, _) => {}
            (Found::Unavailable, _) => attempt.reachable = false,
        }
        self.enter(rules, caller, true);
    }

    /// Whether the server would give an acquire another answer than that the lock is held. Looks
    /// that change nothing are left out.
    pub(crate) fn is_answered(&self, rules: &Rules, caller: CallerId) -> bool {
        let token = self.token_of(caller);
        self.is_next(rules, token)
            && !matches!(
                self.clone().acquire(rules, token, self.callers[caller].attempt.seen),
                Answer::Held
            )
    }

    pub(crate) fn token_of(&self, caller: CallerId) -> u8 {
        let flight = self.flights[self.callers[caller].flight];
        flight.and_then(|flight| flight.lease.token()).expect("a flight with a lease")
    }

    pub(crate) fn execute_acquire(&mut self, rules: &Rules, caller: CallerId) {
        let token = self.token_of(caller);
        let seen = self.callers[caller].attempt.seen;
        let started = self.started(process_of(caller));
        match self.acquire(rules, token, seen) {
            Answer::Lease => {
                let flight = self.flight_of(caller);
                flight.seen = seen;
                flight.lease = Lease::Asked(token);
                self.callers[caller].phase = Phase::Granted;
            }
            Answer::Newer(entry) => {
                let doubt = self.callers[caller].phase == Phase::Acquires { doubt: true };
                let forget = !doubt || rules.forget_lock;
                let flight = self.flight_of(caller);
                flight.before = started;
                flight.lease = if forget { Lease::Idle(token) } else { Lease::Asked(token) };
                self.callers[caller].phase = Phase::Told(entry);
            }
            Answer::Held => {}
        }
    }

    pub(crate) fn receive_lease(&mut self, caller: CallerId) {
        let token = self.token_of(caller);
        self.flight_of(caller).lease = Lease::Held(token);
        self.recompute(caller);
    }

    pub(crate) fn receive_newer(&mut self, rules: &Rules, caller: CallerId, usable: bool) {
        let Phase::Told(entry) = self.callers[caller].phase else { return };
        if usable {
            self.land(rules, caller, Outcome::Value { version: entry.version, fenced: false });
            self.give(caller, entry.version);
        } else {
            self.callers[caller].attempt.seen = Some(entry.id);
            self.lead(rules, caller, false);
        }
    }

    /// A caller that holds a valid value does not wait for the lock.
    pub(crate) fn serve_held(&mut self, caller: CallerId) {
        if let Some(version) = self.callers[caller].attempt.held {
            self.pass_on(caller);
            self.give(caller, version);
        }
    }

    pub(crate) fn read_database(&mut self, caller: CallerId) {
        let read = Some(self.database);
        let phase = &mut self.callers[caller].phase;
        *phase = match phase {
            Phase::Recomputes { .. } => Phase::Recomputes { read },
            _ => Phase::RecomputesGuest { read },
        };
    }

    pub(crate) fn return_value(&mut self, rules: &Rules, caller: CallerId) {
        let Phase::Recomputes { read: Some(version) } = self.callers[caller].phase else { return };
        let flight = self.flight_of(caller);
        flight.listed &= rules.join_until_filled;
        match flight.lease {
            Lease::None | Lease::Idle(_) => {
                self.land(rules, caller, Outcome::Value { version, fenced: false });
                self.give(caller, version);
            }
            Lease::Asked(token) | Lease::Held(token) | Lease::Filling(token, _) => {
                flight.lease = Lease::Filling(token, version);
                self.callers[caller].phase = Phase::Fills { resumes: false };
            }
        }
    }

    /// The leader learns that its lease is lost, or stops to renew it after a long time. What will
    /// be made of the load is its own caller's.
    pub(crate) fn dismiss_members(&mut self, caller: CallerId, lost: bool) {
        if lost {
            let token = self.token_of(caller);
            self.flight_of(caller).lease = Lease::Idle(token);
        } else {
            self.left.guest -= 1;
        }
        self.dismiss(self.callers[caller].flight);
    }

    pub(crate) fn return_error(&mut self, rules: &Rules, caller: CallerId) {
        self.left.failures -= 1;
        let Phase::Recomputes { read: Some(error) } = self.callers[caller].phase else { return };
        let flight = self.flight_of(caller);
        flight.listed &= rules.join_until_filled;
        if matches!(flight.lease, Lease::Asked(_) | Lease::Held(_)) {
            self.callers[caller].phase = Phase::Releases { error };
        } else {
            self.land_error(rules, caller, error, false);
        }
    }

    pub(crate) fn execute_release(&mut self, caller: CallerId) {
        if let Phase::Releases { error } = self.callers[caller].phase {
            let held = self.release(self.token_of(caller));
            self.callers[caller].phase = Phase::Released { error, held };
        }
    }

    /// Lands an error, after the lease has been given back or the release has failed.
    pub(crate) fn land_error(
        &mut self,
        rules: &Rules,
        caller: CallerId,
        error: Version,
        held: bool,
    ) {
        if let Some(token) = self.flight_of(caller).lease.token() {
            self.flight_of(caller).lease = Lease::Idle(token);
        }
        let fenced = held || rules.share_errors;
        self.land(rules, caller, Outcome::Value { version: error, fenced });
        self.give(caller, error);
    }

    pub(crate) fn execute_fill(&mut self, rules: &Rules, caller: CallerId) {
        let Phase::Fills { resumes } = self.callers[caller].phase else { return };
        let flight = *self.flight_of(caller);
        if let Lease::Filling(token, version) = flight.lease {
            let stored = self.fill(rules, token, version, flight.seen);
            self.callers[caller].phase = Phase::Filled { resumes, stored };
        }
    }

    /// Lands what was filled; `answered` is `None` if the fill failed for its caller.
    pub(crate) fn receive_filled(
        &mut self,
        rules: &Rules,
        caller: CallerId,
        answered: Option<bool>,
    ) {
        let (Phase::Fills { resumes } | Phase::Filled { resumes, .. }) = self.callers[caller].phase
        else {
            return;
        };
        let flight = self.flight_of(caller);
        let Lease::Filling(token, version) = flight.lease else { return };
        flight.lease = if answered.is_some() { Lease::Idle(token) } else { Lease::Asked(token) };
        let fenced = answered == Some(true);
        if !resumes || fenced {
            self.land(rules, caller, Outcome::Value { version, fenced });
            self.give(caller, version);
        } else {
            // The recompute was another caller's, and may have begun before this call.
            self.land(rules, caller, Outcome::Again);
            self.callers[caller].attempt = Attempt::default();
            self.callers[caller].flight = 0;
            self.callers[caller].phase = Phase::Looks;
        }
    }

    pub(crate) fn in_phase(
        &self,
        process: usize,
        phase: Phase,
    ) -> impl Iterator<Item = CallerId> + use<> {
        let callers = self.callers;
        (0..CALLERS)
            .filter(move |caller| process_of(*caller) == process && callers[*caller].phase == phase)
    }
}
