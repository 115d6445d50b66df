//! What `engine/flight` does: callers enter, leave, hand the baton on, and are given what lands.

use crate::rules::Rules;
use crate::state::{
    Attempt, CALLERS, CallerId, Callers, Flight, FlightId, Lease, Message, Phase, ProcessId, State,
    Token, Version, bit, process_of,
};

/// How a flight ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// A value, or an error that is about this version.
    Value {
        version: Version,
        fenced: bool,
    },
    Again,
}

impl State {
    /// The flight of the process that can be joined.
    pub(crate) fn listed(&self, process: ProcessId) -> Option<FlightId> {
        self.flights
            .iter()
            .position(|flight| flight.is_some_and(|f| f.process == process && f.listed))
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
            self.begin(caller, cold);
            self.lead(rules, caller, false);
        }
    }

    pub(crate) fn begin(&mut self, caller: CallerId, cold: bool) {
        let id = self.flights.iter().position(Option::is_none).expect("enough places");
        self.flights[id] = Some(Flight {
            process: process_of(caller),
            listed: true,
            cold,
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
            Lease::Filling(..) => Phase::Fills { resumes: true },
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
            Lease::None => (Lease::Idle(self.token(rules, caller)), false),
            Lease::Idle(token) => (Lease::Idle(token), false),
            Lease::Asked(token) | Lease::Held(token) if rules.ask_again => {
                (Lease::Idle(token), true)
            }
            // What was asked for may be executed at any time, and an invalidation may come before
            // it: the token proves nothing any more.
            Lease::Asked(_) | Lease::Held(_) | Lease::Filling(..) => {
                self.dispose(lease, None);
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
        self.callers[caller].phase = Phase::Recomputes { read: None };
        self.callers[caller].attempt = Attempt::default();
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
        let before = self.flight(id).before;
        for member in self.members(id) {
            match outcome {
                Outcome::Value { version, fenced } => {
                    let proven = fenced || before & bit(member) != 0;
                    if proven || rules.share_refused {
                        self.broken.unproven |= !proven;
                        self.give(member, version);
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
            Lease::None | Lease::Idle(_) => {}
            Lease::Asked(token) | Lease::Held(token) => self.send(Message::Release { token }),
            Lease::Filling(token, version) => self.send(Message::Fill { token, version, seen }),
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

    fn start_again(&mut self, caller: CallerId) {
        let caller = &mut self.callers[caller];
        caller.phase = Phase::Looks;
        caller.flight = 0;
        caller.attempt = Attempt::default();
    }

    pub(crate) fn give(&mut self, caller: CallerId, version: Version) {
        let old = version < self.callers[caller].floor;
        self.finish(caller, if old { Phase::Deceived } else { Phase::Done });
    }

    /// Ends a call, and forgets what only it needed.
    pub(crate) fn finish(&mut self, caller: CallerId, phase: Phase) {
        let ended = &mut self.callers[caller];
        ended.phase = phase;
        ended.floor = 0;
        ended.flight = 0;
        ended.attempt = Attempt::default();
        for flight in self.flights.iter_mut().flatten() {
            flight.before &= !bit(caller);
        }
        for process in &mut self.processes {
            process.reading.iter_mut().for_each(|reading| reading.before &= !bit(caller));
            process.guest.iter_mut().for_each(|guest| guest.before &= !bit(caller));
        }
    }
}
