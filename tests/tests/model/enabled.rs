//! Which steps are possible in a state.

use crate::action::Action;
use crate::call::Verdict;
use crate::rules::{Bounds, Rules};
use crate::state::{
    CALLERS, Caller, CallerId, Entry, Flight, Found, Invalidation, Kind, Lease, PROCESSES, Phase,
    ProcessId, SLOTS, State, process_of, token_bit,
};

impl State {
    pub(crate) fn actions(&self, rules: &Rules, bounds: &Bounds, actions: &mut Vec<Action>) {
        let old = self.at_old_server();
        for caller in 0..CALLERS {
            let behind = self.processes[process_of(caller)].behind;
            let seen = old.as_ref().filter(|_| behind).unwrap_or(self);
            seen.steps_of(rules, bounds, caller, actions);
            seen.troubles_of(rules, bounds, caller, actions);
        }
        self.failover_steps(bounds, actions);
        for process in 0..PROCESSES {
            if self.processes[process].alive {
                if self.left.commits > 0 {
                    actions.push(Action::Commits(process));
                }
                if self.left.sets > 0 && self.setting.is_none() {
                    actions.push(Action::Sets(process));
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
        if self.server.entry.is_some() && self.left.expiries > 0 {
            actions.push(Action::EntryExpires);
        }
        if self.setting.is_some() {
            actions.push(Action::ServerSets);
        }
        for slot in 0..SLOTS {
            if self.may_lapse(slot) {
                actions.push(Action::LeaseExpires(slot));
            }
        }
        for (index, message) in self.messages.iter().enumerate() {
            let Some(message) = message else { break };
            let earlier = self.messages[..index].iter().flatten();
            if !rules.ordered || earlier.clone().all(|other| other.tokens() & message.tokens() == 0)
            {
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
                let verdicts = verdicts(bounds, found).into_iter().flatten();
                actions.extend(verdicts.map(|verdict| Action::Judges(caller, verdict)));
            }
            Phase::Acquires { .. } => {
                if self.is_answered(rules, bounds, caller) {
                    actions.push(Action::ServerAcquires(caller));
                } else if attempt.held.is_some() {
                    actions.push(Action::ServesWhatItHolds(caller));
                }
            }
            Phase::Granted => actions.push(Action::LeaseArrives(caller)),
            Phase::Barred(_) => actions.push(Action::BarArrives(caller)),
            Phase::Told(_) => {
                let arrives = |usable| Action::NewerArrives { caller, usable };
                let ways = [true, false].into_iter().zip(self.uses(bounds, caller));
                actions.extend(ways.filter(|(_, may)| *may).map(|(usable, _)| arrives(usable)));
            }
            Phase::Joined => {
                if let Some(offered) = self.flights[flight].filter(|f| f.holder.is_none()) {
                    actions.push(Action::TakesBaton { caller, elapsed: false });
                    if matches!(offered.lease, Lease::Held(_)) {
                        actions.push(Action::TakesBaton { caller, elapsed: true });
                    }
                } else if attempt.held.is_some() {
                    actions.push(Action::ServesWhatItHolds(caller));
                }
            }
            Phase::Recomputes { read } => {
                if self.left.hangs > 0 {
                    actions.push(Action::Hangs(caller));
                } else if read.is_none() {
                    actions.push(Action::ReadsDatabase(caller));
                } else {
                    actions.push(Action::RecomputeReturns(caller, Kind::Value));
                    if self.left.marks > 0 {
                        actions.push(Action::RecomputeReturns(caller, Kind::Mark));
                    }
                }
                if self.arrived(caller).is_some() {
                    actions.push(Action::GuestFinds(caller));
                }
            }
            Phase::Hangs => {
                if self.arrived(caller).is_some() {
                    actions.push(Action::GuestFinds(caller));
                }
            }
            Phase::Releases { .. } => {
                if self.is_next(rules, self.token_of(caller)) {
                    actions.push(Action::ServerReleases(caller));
                }
            }
            Phase::Released { .. } => actions.push(Action::ReleaseArrives(caller)),
            Phase::Fills { .. } => {
                if self.lease_of(caller).token().is_none_or(|token| self.is_next(rules, token)) {
                    actions.push(Action::ServerFills(caller));
                }
            }
            Phase::Filled { .. } => actions.push(Action::FillArrives(caller)),
            Phase::IsGuest => actions.push(Action::EntersGuest(caller)),
            Phase::SharesRead | Phase::Done | Phase::Deceived | Phase::Gone => {}
        }
    }

    /// What may go wrong for a caller.
    fn troubles_of(
        &self,
        rules: &Rules,
        bounds: &Bounds,
        caller: CallerId,
        actions: &mut Vec<Action>,
    ) {
        if !self.is_waiting(caller) {
            return;
        }
        let Caller { phase, attempt, flight, left, .. } = self.callers[caller];
        let asks = matches!(
            phase,
            Phase::Reads
                | Phase::Acquires { .. }
                | Phase::Granted
                | Phase::Told(_)
                | Phase::Barred(_)
                | Phase::Fills { .. }
                | Phase::Filled { .. }
                | Phase::Releases { .. }
                | Phase::Released { .. }
        );
        if asks && self.left.failures > 0 {
            actions.push(Action::Fails(caller));
        }
        if matches!(phase, Phase::Recomputes { read: Some(_) })
            && self.left.failures + self.left.errors > 0
        {
            actions.push(Action::RecomputeFails(caller));
        }
        if matches!(phase, Phase::Recomputes { .. }) {
            self.troubles_of_load(rules, bounds, caller, actions);
        }
        let waits = match phase {
            Phase::Joined => self.flights[flight].is_some_and(|joined| !joined.guest),
            Phase::Acquires { .. } => !attempt.at_once,
            _ => false,
        };
        if waits {
            self.patience_of(rules, bounds, caller, actions);
        }
        // A request may have been sent, or not.
        let ways = if phase.has_request() { 2 } else { 1 };
        if self.is_abandoned(caller) {
            let sent = [false, true].into_iter().take(ways);
            actions.extend(sent.map(|sent| Action::IsAbandoned { caller, sent }));
        }
        if self.left.drops > 0 && !left {
            let goes_on = bounds.detached && self.leads(caller);
            let sent = [false, true].into_iter().take(if goes_on { 1 } else { ways });
            actions.extend(sent.map(|sent| Action::IsDropped { caller, sent }));
        }
    }

    /// What may go wrong for a caller whose recompute runs.
    fn troubles_of_load(
        &self,
        rules: &Rules,
        bounds: &Bounds,
        caller: CallerId,
        actions: &mut Vec<Action>,
    ) {
        let id = self.callers[caller].flight;
        let Some(Flight { lease: Lease::Held(token), listed, .. }) = self.flights[id] else {
            return;
        };
        let is_lost = self.held() & token_bit(token) == 0;
        if rules.renew_by_set && is_lost {
            actions.push(Action::ServerRenews(caller));
        }
        // One that was overtaken has members, though nobody can join it.
        if listed || self.members(id).next().is_some() {
            if is_lost {
                actions.push(Action::Dismisses { caller, lost: true });
            }
            // Where loads hang, their leases are renewed for ever.
            if self.left.guest > 0 && bounds.hangs == 0 {
                actions.push(Action::Dismisses { caller, lost: false });
            }
        }
    }

    /// What a caller may do that waits: begin a hedge, or be a guest.
    fn patience_of(
        &self,
        rules: &Rules,
        bounds: &Bounds,
        caller: CallerId,
        actions: &mut Vec<Action>,
    ) {
        let hedge = self.hedge_of(rules, caller).filter(|_| self.left.hedges > 0);
        actions.extend(hedge);
        // The limit for the hedge comes first, and it is reached where loads hang. Elsewhere anything may be
        // first.
        let is_over = hedge.is_none() || bounds.hangs == 0;
        let holds = self.callers[caller].attempt.held.is_some();
        if self.left.guest > 0 && is_over && !holds && !rules.no_second_limit {
            actions.push(Action::LosesPatience(caller));
        }
    }

    /// The hedge that a waiting caller may begin.
    fn hedge_of(&self, rules: &Rules, caller: CallerId) -> Option<Action> {
        let Caller { phase, flight, .. } = self.callers[caller];
        let Flight { listed, holder, beside, .. } = self.flights[flight]?;
        if phase == Phase::Joined {
            (listed && holder.is_some()).then_some(Action::Overtakes(caller))
        } else {
            (!beside && self.is_barred(rules, caller)).then_some(Action::AsksBeside(caller))
        }
    }

    fn lease_of(&self, caller: CallerId) -> Lease {
        self.flights[self.callers[caller].flight].map_or(Lease::None, |flight| flight.lease)
    }

    fn has_requests(&self, process: ProcessId) -> bool {
        (0..CALLERS)
            .any(|caller| process_of(caller) == process && self.callers[caller].phase.has_request())
    }
}

/// What a reader may make of what it found.
fn verdicts(bounds: &Bounds, found: Found) -> [Option<Verdict>; 4] {
    let Found::Entry(Entry { kind: Kind::Value, valid, held_off, .. }) = found else {
        return [None, None, None, Some(Verdict::Expired)];
    };
    [
        (valid || held_off).then_some(Verdict::Fresh),
        (bounds.early || !valid).then_some(Verdict::Early),
        (bounds.stale && !valid).then_some(Verdict::IfError),
        (!bounds.counts || !(valid || held_off)).then_some(Verdict::Expired),
    ]
}
