//! What `engine/load/lead` does: asking for a slot, and what a leader makes of the answer.

use crate::flight::Outcome;
use crate::rules::{Bounds, Rules};
use crate::server::Answer;
use crate::state::{CallerId, Kind, Lease, Phase, Request, State, process_of};

/// More holders than this that end in nothing are as good as any number.
const MANY: u8 = 3;

impl State {
    /// Whether the server's answer to an acquire makes a difference. Looks that change nothing are left out.
    pub(crate) fn is_answered(&self, rules: &Rules, bounds: &Bounds, caller: CallerId) -> bool {
        let request = self.request_of(caller);
        let attempt = self.callers[caller].attempt;
        self.is_next(rules, request.token)
            && match self.answer(rules, request) {
                Answer::Held(held) => attempt.at_once || bounds.notices && held != attempt.told,
                Answer::Lease(_) | Answer::Newer(_) => true,
            }
    }

    /// Whether others hold what `caller` asks for.
    pub(crate) fn is_barred(&self, rules: &Rules, caller: CallerId) -> bool {
        matches!(self.answer(rules, self.request_of(caller)), Answer::Held(_))
    }

    pub(crate) fn token_of(&self, caller: CallerId) -> u8 {
        let flight = self.flights[self.callers[caller].flight];
        flight.and_then(|flight| flight.lease.token()).expect("a flight with a lease")
    }

    pub(crate) fn request_of(&self, caller: CallerId) -> Request {
        let token = self.token_of(caller);
        let beside = self.flights[self.callers[caller].flight].is_some_and(|flight| flight.beside);
        Request { token, seen: self.callers[caller].attempt.seen, beside }
    }

    pub(crate) fn execute_acquire(&mut self, rules: &Rules, caller: CallerId) {
        let request = self.request_of(caller);
        let started = self.started(process_of(caller));
        match self.acquire(rules, request) {
            Answer::Lease(_) => {
                let flight = self.flight_of(caller);
                flight.seen = request.seen;
                flight.lease = Lease::Asked(request.token);
                self.callers[caller].phase = Phase::Granted;
            }
            Answer::Newer(entry) => {
                let doubt = self.callers[caller].phase == Phase::Acquires { doubt: true };
                let forget = !doubt || rules.forget_lock;
                let flight = self.flight_of(caller);
                flight.before = started;
                flight.lease =
                    if forget { Lease::Idle(request.token) } else { Lease::Asked(request.token) };
                self.callers[caller].phase = Phase::Told(entry);
            }
            Answer::Held(held) => {
                let asker = &mut self.callers[caller];
                // Those that have lapsed are not among those whom it was told of.
                let ended_early = asker.attempt.told & !held != 0;
                if asker.attempt.at_once || ended_early && !rules.held_without_tokens {
                    asker.phase = Phase::Barred(held);
                } else {
                    if asker.attempt.told == 0 || ended_early {
                        asker.queued = MANY.min(asker.queued + 1);
                    }
                    asker.attempt.told = held;
                }
            }
        }
    }

    pub(crate) fn receive_lease(&mut self, rules: &Rules, caller: CallerId) {
        let token = self.token_of(caller);
        let flight = self.flight_of(caller);
        flight.lease = Lease::Held(token);
        // From here on, the one slot is as good as the other.
        flight.beside &= rules.unfenced_hedge;
        self.recompute(caller);
    }

    /// Loads as a guest of those who hold the slots.
    pub(crate) fn receive_barred(&mut self, caller: CallerId) {
        let Phase::Barred(held) = self.callers[caller].phase else { return };
        let seen = self.callers[caller].attempt.seen;
        let flight = self.flight_of(caller);
        flight.seen = seen;
        flight.lease = Lease::Guest(held);
        flight.beside = false;
        self.recompute(caller);
    }

    pub(crate) fn receive_newer(&mut self, rules: &Rules, caller: CallerId, usable: bool) {
        let Phase::Told(entry) = self.callers[caller].phase else { return };
        if usable {
            if entry.valid {
                self.land(rules, caller, Outcome::of(entry.version, false));
            } else {
                // Each member judges by its own stale windows.
                self.land(rules, caller, Outcome::Again);
            }
            return self.give(caller, entry.version);
        }
        let attempt = &mut self.callers[caller].attempt;
        if attempt.looked && attempt.falls_back && entry.kind == Kind::Mark {
            // The others' load ended in nothing.
            return self.serve_held(caller);
        }
        attempt.seen = Some(entry.id);
        if attempt.looked && attempt.at_once {
            // Others end in nothing again and again.
            return self.recompute_unleased(rules, caller);
        }
        attempt.at_once |= attempt.looked;
        attempt.looked = true;
        self.lead(rules, caller, false);
    }

    /// Whether an answer that tells of an entry may be one that the caller can serve, and one that it cannot.
    pub(crate) fn uses(&self, bounds: &Bounds, caller: CallerId) -> [bool; 2] {
        let Phase::Told(entry) = self.callers[caller].phase else { return [false; 2] };
        let looked = self.callers[caller].attempt.looked;
        // What was written after the caller looked is new, and served however short its ttl is. Where there
        // is a retry-at, that may have been all that was written.
        let is_new = looked && !entry.held_off && entry.kind == Kind::Value;
        let is_usable = is_new || entry.is_servable();
        [is_usable, !(is_new || bounds.counts && is_usable)]
    }

    /// A caller that holds a value serves it rather than wait for the lock, or wait any longer.
    pub(crate) fn serve_held(&mut self, caller: CallerId) {
        if let Some(version) = self.callers[caller].attempt.held {
            if self.callers[caller].phase == Phase::Joined {
                self.leave(caller);
            } else {
                self.pass_on(caller);
            }
            self.give(caller, version);
        }
    }
}
