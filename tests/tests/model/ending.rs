//! What `engine/load/ending` does: the end of a load, from what its recompute returned to its landing.

use crate::flight::Outcome;
use crate::rules::{Bounds, Rules, spend};
use crate::state::{CallerId, Kind, Lease, Made, Phase, State, Version, token_bit};

impl State {
    pub(crate) fn return_value(&mut self, rules: &Rules, caller: CallerId, kind: Kind) {
        let Phase::Recomputes { read: Some(version) } = self.callers[caller].phase else { return };
        if kind == Kind::Mark {
            self.left.marks -= 1;
        }
        let held = self.held();
        let flight = self.flight_of(caller);
        flight.listed &= rules.join_until_filled;
        let (tokens, guest) = match flight.lease {
            Lease::None | Lease::Idle(_) => {
                self.land(rules, caller, Outcome::of(version, false));
                return self.give(caller, version);
            }
            Lease::Asked(token) | Lease::Held(token) => (token_bit(token), false),
            Lease::Guest(_) if rules.late_guest => (held, true),
            Lease::Guest(tokens) => (tokens, true),
            Lease::Filling { tokens, guest, .. } => (tokens, guest),
        };
        flight.lease = Lease::Filling { tokens, made: Made { version, kind }, guest };
        self.callers[caller].phase = Phase::Fills { resumes: false };
    }

    /// The leader learns that its lease is lost, or stops to renew it after a long time. What will
    /// be made of the load is its own caller's.
    pub(crate) fn dismiss_members(&mut self, caller: CallerId, lost: bool) {
        if lost {
            let token = self.token_of(caller);
            self.flight_of(caller).lease = Lease::Idle(token);
        } else {
            spend(&mut self.left.guest);
        }
        self.dismiss(self.callers[caller].flight);
    }

    pub(crate) fn return_error(&mut self, rules: &Rules, caller: CallerId) {
        let left = &mut self.left;
        let left = if left.errors > 0 { &mut left.errors } else { &mut left.failures };
        *left -= 1;
        let Phase::Recomputes { read: Some(error) } = self.callers[caller].phase else { return };
        let flight = self.flight_of(caller);
        flight.listed &= rules.join_until_filled;
        if matches!(flight.lease, Lease::Asked(_) | Lease::Held(_)) {
            self.callers[caller].phase = Phase::Releases { error };
        } else {
            self.land_error(rules, caller, error, false);
        }
    }

    pub(crate) fn execute_release(&mut self, bounds: &Bounds, caller: CallerId) {
        if let Phase::Releases { error } = self.callers[caller].phase {
            let token = self.token_of(caller);
            // Where there are stale windows, there may be a value to serve for a while.
            let held = if bounds.stale { self.postpone(token) } else { self.release(token) };
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
        let flight = self.flight_of(caller);
        flight.lease = flight.lease.token().map_or(Lease::None, Lease::Idle);
        let fenced = held || rules.share_errors;
        self.land(rules, caller, Outcome::Value { version: error, fenced, error: true });
        self.give_error(caller, error);
    }

    pub(crate) fn execute_fill(&mut self, rules: &Rules, caller: CallerId) {
        let Phase::Fills { resumes } = self.callers[caller].phase else { return };
        let flight = *self.flight_of(caller);
        if let Lease::Filling { tokens, made, .. } = flight.lease {
            let stored = if flight.beside && rules.unfenced_hedge {
                self.fill_fenced(rules, tokens, made, flight.seen, false)
            } else {
                self.fill(rules, tokens, made, flight.seen)
            };
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
        let Lease::Filling { made, .. } = flight.lease else { return };
        flight.lease = match flight.lease.token() {
            // A guest has nothing to give back.
            None => Lease::None,
            Some(token) if answered.is_some() => Lease::Idle(token),
            Some(token) => Lease::Asked(token),
        };
        let fenced = answered == Some(true);
        if !resumes || fenced {
            self.land(rules, caller, Outcome::of(made.version, fenced));
            self.give(caller, made.version);
        } else {
            // The recompute was another caller's, and may have begun before this call.
            self.land(rules, caller, Outcome::Again);
            self.start_again(caller);
        }
    }
}
