//! What `engine/load/guest` does: load for callers whose patience is over, one of each process at a time.

use crate::flight::Outcome;
use crate::rules::{Rules, spend};
use crate::state::{Attempt, CallerId, Entry, Phase, State, process_of};

impl State {
    pub(crate) fn enter_guest(&mut self, rules: &Rules, caller: CallerId) {
        if let Some(id) = self.listed_guest(process_of(caller)) {
            self.callers[caller].phase = Phase::Joined;
            self.callers[caller].flight = id;
        } else {
            self.begin(caller, false, true);
            self.callers[caller].attempt = Attempt::guest();
            self.lead(rules, caller, false);
        }
    }

    /// The value that a guest finds in the store while its recompute runs.
    pub(crate) fn arrived(&self, caller: CallerId) -> Option<Entry> {
        let is_guest = self.flights[self.callers[caller].flight].is_some_and(|flight| flight.guest);
        self.server.entry.filter(|entry| is_guest && entry.is_servable())
    }

    pub(crate) fn find_guest(&mut self, rules: &Rules, caller: CallerId) {
        if let Some(entry) = self.arrived(caller) {
            let started = self.started(process_of(caller));
            self.flight_of(caller).before = started;
            self.land(rules, caller, Outcome::of(entry.version, false));
            self.give(caller, entry.version);
        }
    }

    /// Gets tired of waiting, and is a guest from now on.
    pub(crate) fn lose_patience(&mut self, caller: CallerId) {
        spend(&mut self.left.guest);
        if self.callers[caller].phase == Phase::Joined {
            // Whoever comes next looks for itself.
            self.flight_of(caller).cold = false;
        }
        self.quit(caller, false);
        if self.callers[caller].left {
            // Its task is for nobody, or for the members, one of whom goes on.
            return self.finish(caller, Phase::Gone);
        }
        self.callers[caller].phase = Phase::IsGuest;
        self.callers[caller].flight = 0;
        self.callers[caller].attempt = Attempt::default();
    }
}
