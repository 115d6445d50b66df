//! What happens around the calls: commits and invalidations, time, and everything that goes wrong.

use crate::failover::Other;
use crate::rules::{Bounds, Rules};
use crate::state::{
    CALLERS, CallerId, Invalidation, Kind, Lease, Message, Phase, ProcessId, State, process_of,
    token_bit,
};

impl State {
    pub(crate) fn commit(&mut self, process: ProcessId) {
        self.invalidations[usize::from(self.database)] = Invalidation::Committed(process);
        self.database += 1;
        self.left.commits -= 1;
    }

    pub(crate) fn invalidate(&mut self, rules: &Rules, index: usize, process: ProcessId) {
        let again = usize::from(self.floor) > index;
        let leave_lock = rules.leave_lock || rules.leave_lock_again && again;
        self.delete(&Rules { leave_lock, ..*rules });
        self.invalidations[index] = Invalidation::Deleted(process);
    }

    /// Voids the flight of the process that invalidates, and returns.
    pub(crate) fn end_invalidation(&mut self, index: usize, process: ProcessId) {
        self.void(process);
        self.invalidations[index] = Invalidation::Over;
        let version = u8::try_from(index + 1).expect("few commits");
        self.floor = self.floor.max(version);
    }

    /// An entry's ttl is over, or its stale time after that.
    pub(crate) fn expire_entry(&mut self, bounds: &Bounds) {
        self.left.expiries -= 1;
        let id = self.server.entry.map(|entry| entry.id);
        // What another server has of it ends as well.
        for server in [Some(&mut self.server), self.other.server_mut()].into_iter().flatten() {
            match &mut server.entry {
                entry if entry.map(|entry| entry.id) != id => {}
                Some(entry) if bounds.stale && entry.valid && entry.kind == Kind::Value => {
                    entry.valid = false;
                }
                entry => *entry = None,
            }
        }
    }

    /// Whether the lease in a slot may end.
    pub(crate) fn may_lapse(&self, slot: usize) -> bool {
        self.server.slots[slot].is_some() && (self.left.lapses > 0 || !self.slot_is_owned(slot))
    }

    /// The lease in a slot ends; `behind` are those who see that it does.
    pub(crate) fn expire_lease(&mut self, slot: usize, behind: bool) {
        // The slot of a flight that is gone is free in any case, if its release does not come first.
        if self.slot_is_owned(slot) {
            self.left.lapses -= 1;
        }
        if let Some(lock) = self.server.slots[slot].take() {
            for (id, caller) in self.callers.iter_mut().enumerate() {
                if self.processes[process_of(id)].behind == behind {
                    caller.attempt.told &= !token_bit(lock.token);
                }
            }
            if let Other::Replica(replica) = &mut self.other {
                // A replica that lacks the last renewals has it end no later.
                replica.slots[slot].take_if(|copy| copy.token == lock.token);
            }
        }
    }

    pub(crate) fn slot_is_owned(&self, slot: usize) -> bool {
        self.server.slots[slot].is_some_and(|lock| {
            let tokens = self.flights.iter().flatten().filter_map(|flight| flight.lease.token());
            let set = self.setting.map(|setting| setting.token);
            tokens.chain(set).any(|token| token == lock.token)
        })
    }

    /// A store operation of `caller` fails for it. The server may have executed it, may do so at
    /// any later time, or never does.
    pub(crate) fn fail(&mut self, rules: &Rules, caller: CallerId) {
        self.left.failures -= 1;
        match self.callers[caller].phase {
            Phase::Reads => {
                self.execute_read(caller, false);
                self.land_read(rules, caller);
            }
            phase @ (Phase::Acquires { .. }
            | Phase::Granted
            | Phase::Told(_)
            | Phase::Barred(_)) => {
                let request = self.request_of(caller);
                if matches!(phase, Phase::Acquires { .. }) {
                    self.send(Message::Acquire(request));
                }
                self.flight_of(caller).lease = Lease::Asked(request.token);
                let attempt = self.callers[caller].attempt;
                if attempt.held.is_some() && !attempt.falls_back {
                    self.serve_held(caller);
                } else {
                    self.recompute_unleased(rules, caller);
                }
            }
            Phase::Releases { error } => {
                let token = self.token_of(caller);
                self.send(Message::Release { token });
                self.land_error(rules, caller, error, false);
            }
            Phase::Released { error, .. } => self.land_error(rules, caller, error, false),
            Phase::Fills { .. } => {
                self.leave_fill_behind(caller);
                self.receive_filled(rules, caller, None);
            }
            Phase::Filled { .. } => self.receive_filled(rules, caller, None),
            _ => {}
        }
    }

    /// The caller of a flight or a read goes away from it. If its request was `sent`, it is still
    /// on its way.
    pub(crate) fn quit(&mut self, caller: CallerId, sent: bool) {
        match self.callers[caller].phase {
            Phase::Reads => self.abandon_read(caller),
            Phase::Joined => self.leave(caller),
            Phase::Acquires { doubt } => {
                let request = self.request_of(caller);
                let token = request.token;
                if sent {
                    self.send(Message::Acquire(request));
                }
                let maybe = sent || doubt;
                self.flight_of(caller).lease =
                    if maybe { Lease::Asked(token) } else { Lease::Idle(token) };
                self.pass_on(caller);
            }
            Phase::Granted | Phase::Told(_) | Phase::Barred(_) => {
                let token = self.token_of(caller);
                self.flight_of(caller).lease = Lease::Asked(token);
                self.pass_on(caller);
            }
            Phase::Fills { .. } => {
                if sent {
                    self.leave_fill_behind(caller);
                }
                self.pass_on(caller);
            }
            Phase::Releases { .. } => {
                if sent {
                    let token = self.token_of(caller);
                    self.send(Message::Release { token });
                }
                self.pass_on(caller);
            }
            Phase::Recomputes { .. }
            | Phase::Hangs
            | Phase::Filled { .. }
            | Phase::Released { .. } => self.pass_on(caller),
            _ => {}
        }
    }

    fn leave_fill_behind(&mut self, caller: CallerId) {
        let flight = *self.flight_of(caller);
        if let Lease::Filling { tokens, made, .. } = flight.lease {
            self.send(Message::Fill { tokens, made, seen: flight.seen });
        }
    }

    pub(crate) fn drop_caller(&mut self, bounds: &Bounds, caller: CallerId, sent: bool) {
        self.left.drops -= 1;
        if bounds.detached && self.leads(caller) {
            return self.leave_task(caller);
        }
        self.end_caller(caller, sent);
    }

    /// Nothing of the caller goes on.
    pub(crate) fn end_caller(&mut self, caller: CallerId, sent: bool) {
        // Out of the way first, so that nobody counts it as a member or gives it anything.
        self.quit(caller, sent);
        self.finish(caller, Phase::Gone);
    }

    /// A process dies. The requests that it waits for are `sent` and still on their way, or lost.
    pub(crate) fn crash(&mut self, process: ProcessId, sent: bool) {
        self.left.crashes -= 1;
        for caller in (0..CALLERS).filter(|caller| process_of(*caller) == process) {
            match self.callers[caller].phase {
                Phase::Acquires { .. } if sent => {
                    let request = self.request_of(caller);
                    self.send(Message::Acquire(request));
                }
                Phase::Fills { .. } if sent => self.leave_fill_behind(caller),
                Phase::Releases { .. } if sent => {
                    let token = self.token_of(caller);
                    self.send(Message::Release { token });
                }
                Phase::Done | Phase::Deceived | Phase::Gone => continue,
                _ => {}
            }
            self.callers[caller].phase = Phase::Gone;
        }
        for place in &mut self.flights {
            if let Some(flight) = place.take_if(|flight| flight.process == process) {
                for lock in self.server.slots.iter_mut().flatten() {
                    lock.orphaned |= flight.lease.token() == Some(lock.token);
                }
            }
        }
        for caller in (0..CALLERS).filter(|caller| process_of(*caller) == process) {
            let phase = self.callers[caller].phase;
            self.finish(caller, phase);
        }
        let dead = &mut self.processes[process];
        dead.alive = false;
        dead.behind = false;
        dead.reading = None;
        for invalidation in &mut self.invalidations {
            let (Invalidation::Committed(by) | Invalidation::Deleted(by)) = *invalidation else {
                continue;
            };
            if by == process {
                *invalidation = Invalidation::Over;
            }
        }
    }
}
