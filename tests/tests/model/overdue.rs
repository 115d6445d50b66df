//! What `engine/overdue` does: rebuild without a lease, for callers that came before.

use crate::state::{CallerId, Overdue, Phase, State, bit, process_of};

impl State {
    pub(crate) fn enter_overdue(&mut self, caller: CallerId) {
        let process = process_of(caller);
        self.callers[caller].phase = if self.processes[process].overdue.is_some() {
            Phase::JoinedOverdue
        } else {
            let before = self.started(process);
            self.processes[process].overdue = Some(Overdue { holder: caller, before });
            Phase::RecomputesOverdue { read: None }
        };
    }

    pub(crate) fn return_overdue(&mut self, caller: CallerId) {
        let process = process_of(caller);
        let Phase::RecomputesOverdue { read: Some(version) } = self.callers[caller].phase else {
            return;
        };
        let before = self.processes[process].overdue.map_or(0, |overdue| overdue.before);
        for member in self.in_phase(process, Phase::JoinedOverdue) {
            if before & bit(member) != 0 {
                self.give(member, version);
            }
        }
        self.abandon_overdue(caller);
        self.give(caller, version);
    }

    /// Finds a value in the store while the recompute runs.
    pub(crate) fn find_overdue(&mut self, caller: CallerId) {
        if let Some(entry) = self.entry {
            let process = process_of(caller);
            for member in self.in_phase(process, Phase::JoinedOverdue) {
                self.give(member, entry.version);
            }
            self.processes[process].overdue = None;
            self.give(caller, entry.version);
        }
    }

    /// Takes an overdue rebuild away; the first of its members begins the next.
    pub(crate) fn abandon_overdue(&mut self, caller: CallerId) {
        let process = process_of(caller);
        self.processes[process].overdue = None;
        for member in self.in_phase(process, Phase::JoinedOverdue) {
            self.callers[member].phase = Phase::IsOverdue;
        }
    }
}
