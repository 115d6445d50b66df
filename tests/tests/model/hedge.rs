//! The hedge: a second load beside one that takes long.

use crate::rules::{Rules, spend};
use crate::state::{CallerId, State};

impl State {
    /// A caller that has waited for those who hold the slots asks for the hedge.
    pub(crate) fn ask_beside(&mut self, caller: CallerId) {
        spend(&mut self.left.hedges);
        self.flight_of(caller).beside = true;
    }

    /// A member begins a flight in the place of the one that it has waited for.
    pub(crate) fn overtake(&mut self, rules: &Rules, caller: CallerId) {
        spend(&mut self.left.hedges);
        self.flight_of(caller).listed = false;
        self.begin(caller, false, false);
        self.flight_of(caller).beside = true;
        self.lead(rules, caller, false);
    }
}
