//! What `engine/flight` does: callers enter, leave, hand the baton on, and are given what lands.

use crate::rules::Rules;
use crate::state::{
    Attempt, CALLERS, CallerId, Callers, Flight, FlightId, Kind, Lease, Made, Message, Phase,
    ProcessId, State, Token, Version, bit, process_of,
};

/// How a flight ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// A value, or an error that is about this version.
    Value {
        version: Version,
        fenced: bool,
        error: bool,
    },
    Again,
}

impl Outcome {
    pub(crate) fn of(version: Version, fenced: bool) -> Self {
        Self::Value { version, fenced, error: false }
    }
}

impl State {
    /// The flight of the process that can be joined.
    pub(crate) fn listed(&self, process: ProcessId) -> Option<FlightId> {
        self.flights
            .iter()
            .position(|flight| flight.is_some_and(|f| f.process == process && f.listed && !f.guest))
    }

    /// The guests' flight of the process that can be joined.
    pub(crate) fn listed_guest(&self, process: ProcessId) -> Option<FlightId> {
        self.flights
            .iter()
            .position(|flight| flight.is_some_and(|f| f.process == process && f.listed && f.guest))
    }

    pub(crate) fn flight(&mut self, id: FlightId) -> &mut Flight {
        self.flights[id].as_mut().expect("it has members or a holder")
    }

    pub(crate) fn flight_of(&mut self, caller: CallerId) -> &mut Flight {
        self.flight(self.callers[caller].flight)
    }

    /// The callers of `process` that have called and have no value yet.
    pub(crate) fn started(&self, process: ProcessId) -> Callers {
        (0..CALLERS)
            .filter(|caller| process_of(*caller) == process && self.is_waiting(*caller))
            .filter(|caller| !self.callers[*caller].left)
            .fold(0, |callers, caller| callers | bit(caller))
    }

    pub(crate) fn is_waiting(&self, caller: CallerId) -> bool {
        let phase = self.callers[caller].phase;
        !matches!(phase, Phase::Idle | Phase::Done | Phase::Deceived | Phase::Gone)
    }

    pub(crate) fn members(&self, id: FlightId) -> impl Iterator<Item = CallerId> + use<> {
        let callers = self.callers;
        (0..CALLERS).filter(move |caller| {
            callers[*caller].phase == Phase::Joined && callers[*caller].flight == id
        })
    }

    /// Joins the flight of the caller's process, or begins one and leads it.
    pub(crate) fn enter(&mut self, rules: &Rules, caller: CallerId, cold: bool) {
        if let Some(id) = self.listed(process_of(caller)) {
            self.flight(id).cold |= cold;
            self.callers[caller].phase = Phase::Joined;
            self.callers[caller].flight = id;
        } else {
            self.begin(caller, cold, false);
            self.lead(rules, caller, false);
        }
    }

    pub(crate) fn begin(&mut self, caller: CallerId, cold: bool, guest: bool) {
        let id = self.flights.iter().position(Option::is_none).expect("enough places");
        self.flights[id] = Some(Flight {
            process: process_of(caller),
            listed: true,
            cold,
            guest,
            beside: false,
            holder: Some(caller),
            before: 0,
            seen: None,
            lease: Lease::None,
        });
        self.callers[caller].flight = id;
    }

    /// Goes on where the flight stands. A lease that is `elapsed` by this side's clock is asked
    /// for again.
    pub(crate) fn lead(&mut self, rules: &Rules, caller: CallerId, elapsed: bool) {
        let attempt = self.callers[caller].attempt;
        self.callers[caller].phase = match self.flight_of(caller).lease {
            // A mark is sent to its end behind the leader's back, and is nothing to give to anybody.
            Lease::Filling { made: Made { kind: Kind::Value, .. }, .. } => {
                Phase::Fills { resumes: true }
            }
            Lease::Held(_) if !elapsed => return self.recompute(caller),
            _ if !attempt.reachable => return self.recompute_unleased(rules, caller),
            lease => {
                let (lease, doubt) = self.ask(rules, caller, lease);
                self.flight_of(caller).lease = lease;
                Phase::Acquires { doubt }
            }
        };
    }

    /// The lease to ask for, and whether the server may have granted it already.
    fn ask(&mut self, rules: &Rules, caller: CallerId, lease: Lease) -> (Lease, bool) {
        match lease {
            Lease::None | Lease::Guest(_) => (Lease::Idle(self.token(rules, caller)), false),
            Lease::Idle(token) => (Lease::Idle(token), false),
            Lease::Asked(token) | Lease::Held(token) if rules.ask_again => {
                (Lease::Idle(token), true)
            }
            // What was asked for may be executed at any time, and an invalidation may come before
            // it: the token proves nothing any more.
            Lease::Asked(_) | Lease::Held(_) | Lease::Filling { .. } => {
                let seen = self.flight_of(caller).seen;
                self.dispose(lease, seen);
                (Lease::Idle(self.token(rules, caller)), false)
            }
        }
    }

    fn token(&self, rules: &Rules, caller: CallerId) -> Token {
        if rules.token_per_process {
            return 16 + Token::from(process_of(caller) == 1);
        }
        self.unused_token()
    }

    pub(crate) fn recompute(&mut self, caller: CallerId) {
        let started = self.started(process_of(caller));
        self.flight_of(caller).before = started;
        self.loads.iter_mut().for_each(|loads| *loads += 1);
        self.callers[caller].phase = Phase::Recomputes { read: None };
        let Attempt { held, falls_back, .. } = self.callers[caller].attempt;
        let held = held.filter(|_| falls_back);
        self.callers[caller].attempt = Attempt { held, falls_back, ..Attempt::default() };
    }

    /// Recomputes although the store could not be asked.
    pub(crate) fn recompute_unleased(&mut self, rules: &Rules, caller: CallerId) {
        let seen = self.callers[caller].attempt.seen;
        if rules.fill_unanswered {
            self.flight_of(caller).seen = seen;
        } else {
            let lease = std::mem::replace(&mut self.flight_of(caller).lease, Lease::None);
            self.dispose(lease, None);
        }
        self.recompute(caller);
    }

    /// Ends the flight that `caller` leads. The caller itself is given nothing here.
    pub(crate) fn land(&mut self, rules: &Rules, caller: CallerId, outcome: Outcome) {
        let id = self.callers[caller].flight;
        let Flight { before, guest, .. } = *self.flight(id);
        for member in self.members(id) {
            match outcome {
                Outcome::Value { version, fenced, error } => {
                    let proven = fenced || before & bit(member) != 0;
                    if proven || rules.share_refused || rules.share_guests_value && guest {
                        self.broken.unproven |= !proven;
                        if error {
                            self.give_error(member, version);
                        } else {
                            self.give(member, version);
                        }
                    } else {
                        self.start_again(member);
                    }
                }
                Outcome::Again => self.start_again(member),
            }
        }
        self.end(id);
    }

    /// Takes the flight away, and what it has at the server with it.
    fn end(&mut self, id: FlightId) {
        if let Some(flight) = self.flights[id].take() {
            self.dispose(flight.lease, flight.seen);
        }
    }

    fn dispose(&mut self, lease: Lease, seen: Option<u8>) {
        match lease {
            Lease::None | Lease::Idle(_) | Lease::Guest(_) => {}
            Lease::Asked(token) | Lease::Held(token) => self.send(Message::Release { token }),
            Lease::Filling { tokens, made, .. } => self.send(Message::Fill { tokens, made, seen }),
        }
    }

    /// Offers the baton of `caller` to the members; without any, the flight is over.
    pub(crate) fn pass_on(&mut self, caller: CallerId) {
        let id = self.callers[caller].flight;
        if self.members(id).next().is_some() {
            self.flight(id).holder = None;
        } else {
            self.end(id);
        }
    }

    /// A member goes. The last one takes an offered baton with it.
    pub(crate) fn leave(&mut self, caller: CallerId) {
        let id = self.callers[caller].flight;
        self.callers[caller].phase = Phase::Looks;
        if self.flight(id).holder.is_none() && self.members(id).next().is_none() {
            self.end(id);
        }
    }

    /// Ends the flight of `process` for its members; its holder goes on alone.
    pub(crate) fn void(&mut self, process: ProcessId) {
        if let Some(id) = self.listed(process) {
            self.dismiss(id);
        }
    }

    pub(crate) fn dismiss(&mut self, id: FlightId) {
        self.flight(id).listed = false;
        self.members(id).for_each(|member| self.start_again(member));
        if self.flight(id).holder.is_none() {
            self.end(id);
        }
    }

    pub(crate) fn start_again(&mut self, caller: CallerId) {
        if self.callers[caller].left {
            // Its task is for nobody.
            return self.finish(caller, Phase::Gone);
        }
        let caller = &mut self.callers[caller];
        caller.phase = Phase::Looks;
        caller.flight = 0;
        caller.attempt = Attempt::default();
    }

    pub(crate) fn give(&mut self, caller: CallerId, version: Version) {
        let old = version < self.callers[caller].floor;
        let phase = match self.callers[caller].left {
            true => Phase::Gone,
            false if old => Phase::Deceived,
            false => Phase::Done,
        };
        self.finish(caller, phase);
    }

    /// Gives a caller an error, or what it has to fall back on.
    pub(crate) fn give_error(&mut self, caller: CallerId, error: Version) {
        let Attempt { held, falls_back, .. } = self.callers[caller].attempt;
        self.give(caller, held.filter(|_| falls_back).unwrap_or(error));
    }

    /// Ends a call, and forgets what only it needed.
    pub(crate) fn finish(&mut self, caller: CallerId, phase: Phase) {
        let ended = &mut self.callers[caller];
        ended.phase = phase;
        ended.floor = 0;
        ended.flight = 0;
        ended.attempt = Attempt::default();
        ended.left = false;
        self.forget(caller);
    }

    /// No ticket of the caller matters any more.
    pub(crate) fn forget(&mut self, caller: CallerId) {
        for flight in self.flights.iter_mut().flatten() {
            flight.before &= !bit(caller);
        }
        for process in &mut self.processes {
            process.reading.iter_mut().for_each(|reading| reading.before &= !bit(caller));
        }
    }
}
