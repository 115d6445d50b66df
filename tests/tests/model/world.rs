//! What happens around the calls: commits and invalidations, time, and everything that goes wrong.

use crate::rules::Rules;
use crate::state::{
    Attempt, CALLERS, CallerId, Invalidation, Lease, Message, Phase, ProcessId, State, process_of,
};

impl State {
    pub(crate) fn commit(&mut self, process: ProcessId) {
        self.invalidations[usize::from(self.database)] = Invalidation::Committed(process);
        self.database += 1;
        self.left.commits -= 1;
    }

    pub(crate) fn invalidate(&mut self, rules: &Rules, index: usize, process: ProcessId) {
        self.delete(rules);
        self.invalidations[index] = Invalidation::Deleted(process);
    }

    /// Voids the flight of the process that invalidates, and returns.
    pub(crate) fn end_invalidation(&mut self, index: usize, process: ProcessId) {
        self.void(process);
        self.invalidations[index] = Invalidation::Over;
        let version = u8::try_from(index + 1).expect("few commits");
        self.floor = self.floor.max(version);
    }

    pub(crate) fn expire_entry(&mut self) {
        self.entry = None;
        self.left.expiries -= 1;
    }

    pub(crate) fn expire_lease(&mut self) {
        // The lock of a flight that is gone ends in any case, if its release does not come first.
        if self.lock_is_owned() {
            self.left.lapses -= 1;
        }
        self.lock = None;
    }

    pub(crate) fn lock_is_owned(&self) -> bool {
        self.lock.is_some_and(|lock| {
            let tokens = self.flights.iter().flatten().map(|flight| flight.lease.token());
            tokens.flatten().any(|token| token == lock.token)
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
            phase @ (Phase::Acquires { .. } | Phase::Granted | Phase::Told(_)) => {
                let (token, seen) = (self.token_of(caller), self.callers[caller].attempt.seen);
                if matches!(phase, Phase::Acquires { .. }) {
                    self.send(Message::Acquire { token, seen });
                }
                self.flight_of(caller).lease = Lease::Asked(token);
                if self.callers[caller].attempt.held.is_some() {
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
            Phase::RecomputesGuest { .. } => self.abandon_guest(caller),
            Phase::Joined => self.leave(caller),
            Phase::Acquires { doubt } => {
                let (token, seen) = (self.token_of(caller), self.callers[caller].attempt.seen);
                if sent {
                    self.send(Message::Acquire { token, seen });
                }
                let maybe = sent || doubt;
                self.flight_of(caller).lease =
                    if maybe { Lease::Asked(token) } else { Lease::Idle(token) };
                self.pass_on(caller);
            }
            Phase::Granted | Phase::Told(_) => {
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
            Phase::Recomputes { .. } | Phase::Filled { .. } | Phase::Released { .. } => {
                self.pass_on(caller);
            }
            _ => {}
        }
    }

    fn leave_fill_behind(&mut self, caller: CallerId) {
        let flight = *self.flight_of(caller);
        if let Lease::Filling(token, version) = flight.lease {
            self.send(Message::Fill { token, version, seen: flight.seen });
        }
    }

    pub(crate) fn drop_caller(&mut self, caller: CallerId, sent: bool) {
        self.left.drops -= 1;
        // Out of the way first, so that nobody counts it as a member or gives it anything.
        self.quit(caller, sent);
        self.finish(caller, Phase::Gone);
    }

    pub(crate) fn lose_patience(&mut self, caller: CallerId) {
        self.left.guest -= 1;
        if self.callers[caller].phase == Phase::Joined {
            // Whoever comes next looks for itself.
            self.flight_of(caller).cold = false;
        }
        self.quit(caller, false);
        self.callers[caller].phase = Phase::IsGuest;
        self.callers[caller].flight = 0;
        self.callers[caller].attempt = Attempt::default();
    }

    /// A process dies. The requests that it waits for are `sent` and still on their way, or lost.
    pub(crate) fn crash(&mut self, process: ProcessId, sent: bool) {
        self.left.crashes -= 1;
        for caller in (0..CALLERS).filter(|caller| process_of(*caller) == process) {
            match self.callers[caller].phase {
                Phase::Acquires { .. } if sent => {
                    let (token, seen) = (self.token_of(caller), self.callers[caller].attempt.seen);
                    self.send(Message::Acquire { token, seen });
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
            if let Some(flight) = place.take_if(|flight| flight.process == process)
                && let Some(lock) = &mut self.lock
            {
                lock.orphaned |= flight.lease.token() == Some(lock.token);
            }
        }
        for caller in (0..CALLERS).filter(|caller| process_of(*caller) == process) {
            let phase = self.callers[caller].phase;
            self.finish(caller, phase);
        }
        let dead = &mut self.processes[process];
        dead.alive = false;
        dead.reading = None;
        dead.guest = None;
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
