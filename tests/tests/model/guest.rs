//! What `engine/load/guest` does: load without a lease, for callers that came before.

use crate::state::{CallerId, Guest, Phase, State, bit, process_of};

impl State {
    pub(crate) fn enter_guest(&mut self, caller: CallerId) {
        let process = process_of(caller);
        self.callers[caller].phase = if self.processes[process].guest.is_some() {
            Phase::JoinedGuest
        } else {
            let before = self.started(process);
            self.processes[process].guest = Some(Guest { holder: caller, before });
            Phase::RecomputesGuest { read: None }
        };
    }

    pub(crate) fn return_guest(&mut self, caller: CallerId) {
        let process = process_of(caller);
        let Phase::RecomputesGuest { read: Some(version) } = self.callers[caller].phase else {
            return;
        };
        let before = self.processes[process].guest.map_or(0, |guest| guest.before);
        for member in self.in_phase(process, Phase::JoinedGuest) {
            if before & bit(member) != 0 {
                self.give(member, version);
            }
        }
        self.abandon_guest(caller);
        self.give(caller, version);
    }

    /// Finds a value in the store while the recompute runs.
    pub(crate) fn find_guest(&mut self, caller: CallerId) {
        if let Some(entry) = self.entry {
            let process = process_of(caller);
            for member in self.in_phase(process, Phase::JoinedGuest) {
                self.give(member, entry.version);
            }
            self.processes[process].guest = None;
            self.give(caller, entry.version);
        }
    }

    /// Takes a guest load away; the first of its members begins the next.
    pub(crate) fn abandon_guest(&mut self, caller: CallerId) {
        let process = process_of(caller);
        self.processes[process].guest = None;
        for member in self.in_phase(process, Phase::JoinedGuest) {
            self.callers[member].phase = Phase::IsGuest;
        }
    }
}
