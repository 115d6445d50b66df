//! What `engine/read` and `engine/load/decide` do: one call from its read to what it does next.

use crate::rules::{Bounds, Rules};
use crate::state::{CALLERS, CallerId, Found, Kind, Phase, Reading, State, bit, process_of};

/// What a reader makes of the entry that it found. Clocks and draws decide; here, anything may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fresh,
    /// To be served, and to be refreshed meanwhile.
    Early,
    /// To be served if the load fails or takes long.
    IfError,
    Expired,
}

impl State {
    pub(crate) fn start(&mut self, caller: CallerId) {
        self.callers[caller].floor = self.floor.min(self.server.kept);
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
        let found = match self.server.entry {
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

    pub(crate) fn judge(
        &mut self,
        rules: &Rules,
        bounds: &Bounds,
        caller: CallerId,
        verdict: Verdict,
    ) {
        let Phase::Found(found) = self.callers[caller].phase else { return };
        let attempt = &mut self.callers[caller].attempt;
        match (found, verdict) {
            (Found::Entry(entry), Verdict::Fresh) => return self.give(caller, entry.version),
            (Found::Entry(entry), Verdict::Early) => {
                attempt.seen = Some(entry.id);
                attempt.held = Some(entry.version);
                if self.listed(process_of(caller)).is_some() {
                    return self.give(caller, entry.version);
                }
                self.begin(caller, false, false);
                self.lead(rules, caller, false);
                if bounds.detached {
                    // The call does not wait for its task.
                    self.broken.deceived |= entry.version < self.callers[caller].floor;
                    self.leave_task(caller);
                }
                return;
            }
            (Found::Entry(entry), Verdict::IfError) => {
                attempt.seen = Some(entry.id);
                attempt.held = Some(entry.version);
                attempt.falls_back = true;
                return self.enter(rules, caller, false);
            }
            (Found::Entry(entry), Verdict::Expired) => {
                attempt.seen = Some(entry.id);
                // Nobody waits for another process where the value is not to be cached.
                attempt.at_once = entry.kind == Kind::Mark;
            }
            (Found::Nothing, _) => {}
            (Found::Unavailable, _) => attempt.reachable = false,
        }
        self.enter(rules, caller, true);
    }

    pub(crate) fn read_database(&mut self, caller: CallerId) {
        let read = Some(self.database);
        let phase = &mut self.callers[caller].phase;
        *phase = Phase::Recomputes { read };
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
