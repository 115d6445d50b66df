//! Which steps are possible in a state.

use crate::action::Action;
use crate::call::Verdict;
use crate::rules::{Bounds, Rules};
use crate::state::{
    CALLERS, Caller, CallerId, Flight, Found, Invalidation, Lease, PROCESSES, Phase, ProcessId,
    State, process_of,
};

impl State {
    pub(crate) fn actions(&self, rules: &Rules, bounds: &Bounds, actions: &mut Vec<Action>) {
        for caller in 0..CALLERS {
            self.steps_of(rules, bounds, caller, actions);
            self.troubles_of(caller, actions);
        }
        for process in 0..PROCESSES {
            if self.processes[process].alive {
                if self.left.commits > 0 {
                    actions.push(Action::Commits(process));
                }
                if self.left.crashes > 0 && self.started(process) != 0 {
                    actions.push(Action::Crashes { process, sent: false });
                    if self.has_requests(process) {
                        actions.push(Action::Crashes { process, sent: true });
                    }
                }
            }
        }
        for (index, invalidation) in self.invalidations.iter().enumerate() {
            match *invalidation {
                Invalidation::Committed(by) => actions.push(Action::ServerInvalidates(index, by)),
                Invalidation::Deleted(by) => actions.push(Action::InvalidateReturns(index, by)),
                Invalidation::Ahead | Invalidation::Over => {}
            }
        }
        if self.entry.is_some() && self.left.expiries > 0 {
            actions.push(Action::EntryExpires);
        }
        if self.lock.is_some() && (self.left.lapses > 0 || !self.lock_is_owned()) {
            actions.push(Action::LeaseExpires);
        }
        for (index, message) in self.messages.iter().enumerate() {
            let Some(message) = message else { break };
            let earlier = self.messages[..index].iter().flatten();
            if !rules.ordered || earlier.clone().all(|other| other.token() != message.token()) {
                actions.push(Action::ServerExecutes(index));
            }
        }
    }

    fn steps_of(
        &self,
        rules: &Rules,
        bounds: &Bounds,
        caller: CallerId,
        actions: &mut Vec<Action>,
    ) {
        let Caller { phase, attempt, flight, .. } = self.callers[caller];
        match phase {
            Phase::Idle => actions.push(Action::Starts(caller)),
            Phase::Looks => actions.push(Action::Looks(caller)),
            Phase::ReadsNext => actions.push(Action::EntersNextRead(caller)),
            Phase::Reads => {
                let reading = self.processes[process_of(caller)].reading;
                actions.push(match reading.and_then(|reading| reading.found) {
                    None => Action::ServerReads(caller),
                    Some(_) => Action::ReadArrives(caller),
                });
            }
            Phase::Found(found) => {
                if matches!(found, Found::Entry(_)) {
                    actions.push(Action::Judges(caller, Verdict::Fresh));
                    if bounds.early {
                        actions.push(Action::Judges(caller, Verdict::Early));
                    }
                }
                actions.push(Action::Judges(caller, Verdict::Expired));
            }
            Phase::Acquires { .. } => {
                if self.is_answered(rules, caller) {
                    actions.push(Action::ServerAcquires(caller));
                } else if attempt.held.is_some() {
                    actions.push(Action::ServesWhatItHolds(caller));
                }
            }
            Phase::Granted => actions.push(Action::LeaseArrives(caller)),
            Phase::Told(_) => {
                actions.push(Action::NewerArrives { caller, usable: true });
                if !attempt.looked {
                    actions.push(Action::NewerArrives { caller, usable: false });
                }
            }
            Phase::Joined => {
                if let Some(offered) = self.flights[flight].filter(|f| f.holder.is_none()) {
                    actions.push(Action::TakesBaton { caller, elapsed: false });
                    if matches!(offered.lease, Lease::Held(_)) {
                        actions.push(Action::TakesBaton { caller, elapsed: true });
                    }
                }
            }
            Phase::Recomputes { read: None } => actions.push(Action::ReadsDatabase(caller)),
            Phase::Recomputes { read: Some(_) } => actions.push(Action::RecomputeReturns(caller)),
            Phase::Releases { .. } => {
                if self.is_next(rules, self.token_of(caller)) {
                    actions.push(Action::ServerReleases(caller));
                }
            }
            Phase::Released { .. } => actions.push(Action::ReleaseArrives(caller)),
            Phase::Fills { .. } => {
                if self.is_next(rules, self.token_of(caller)) {
                    actions.push(Action::ServerFills(caller));
                }
            }
            Phase::Filled { .. } => actions.push(Action::FillArrives(caller)),
            Phase::IsGuest => actions.push(Action::EntersGuest(caller)),
            Phase::RecomputesGuest { read } => {
                actions.push(match read {
                    None => Action::ReadsDatabase(caller),
                    Some(_) => Action::GuestReturns(caller),
                });
                if self.entry.is_some() {
                    actions.push(Action::GuestFinds(caller));
                }
            }
            Phase::SharesRead
            | Phase::JoinedGuest
            | Phase::Done
            | Phase::Deceived
            | Phase::Gone => {}
        }
    }

    /// What may go wrong for a caller.
    fn troubles_of(&self, caller: CallerId, actions: &mut Vec<Action>) {
        if !self.is_waiting(caller) {
            return;
        }
        let Caller { phase, attempt, flight, .. } = self.callers[caller];
        let asks = matches!(
            phase,
            Phase::Reads
                | Phase::Acquires { .. }
                | Phase::Granted
                | Phase::Told(_)
                | Phase::Fills { .. }
                | Phase::Filled { .. }
                | Phase::Releases { .. }
                | Phase::Released { .. }
        );
        if self.left.failures > 0 {
            if asks {
                actions.push(Action::Fails(caller));
            } else if matches!(phase, Phase::Recomputes { read: Some(_) }) {
                actions.push(Action::RecomputeFails(caller));
            }
        }
        if matches!(phase, Phase::Recomputes { .. })
            && let Some(Flight { lease: Lease::Held(token), listed: true, .. }) =
                self.flights[flight]
        {
            if self.lock.is_none_or(|lock| lock.token != token) {
                actions.push(Action::Dismisses { caller, lost: true });
            }
            if self.left.guest > 0 {
                actions.push(Action::Dismisses { caller, lost: false });
            }
        }
        if self.left.drops > 0 {
            actions.push(Action::IsDropped { caller, sent: false });
            if phase.has_request() {
                actions.push(Action::IsDropped { caller, sent: true });
            }
        }
        let waits = phase == Phase::Joined
            || matches!(phase, Phase::Acquires { .. }) && attempt.held.is_none();
        if waits && self.left.guest > 0 {
            actions.push(Action::LosesPatience(caller));
        }
    }

    fn has_requests(&self, process: ProcessId) -> bool {
        (0..CALLERS)
            .any(|caller| process_of(caller) == process && self.callers[caller].phase.has_request())
    }
}
