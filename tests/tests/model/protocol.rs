//! The protocol as stateright sees it, and what is asked of it.

use stateright::{Model, Property};

use crate::action::Action;
use crate::rules::{Bounds, Rules};
use crate::state::{
    Attempt, CALLERS, COMMITS, Caller, Invalidation, Lease, Left, MESSAGES, PROCESSES, Phase,
    Process, State, process_of,
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    pub(crate) rules: Rules,
    pub(crate) bounds: Bounds,
}

/// G1: no caller is given anything older than the last version whose invalidation had returned
/// when it called.
pub(crate) const FRESH_VALUES: &str = "G1: nobody is given what was invalidated before the call";
/// G1: once an invalidation has returned, nothing older than it is in the store.
pub(crate) const FRESH_STORE: &str = "G1: nothing invalidated is in the store";
/// G2: a fill is accepted from the holder of the lease only, which ends with it.
pub(crate) const LEASED: &str = "G2: a stored load has the lease";
/// G2: whoever missed the same entry (or none) and got the lock later is told of the new one.
pub(crate) const ONE_REBUILD: &str = "G2: a stored load replaces what its flight saw";
/// What was refused, or never sent to the store, goes to callers that came before its recompute
/// began, and to nobody else.
pub(crate) const PROVEN: &str = "a value that is not fenced goes to earlier callers only";
/// G4: a lock that no living flight holds or may hold has its release on the way. The exceptions
/// are those of [`Lock::orphaned`](crate::state::Lock::orphaned).
pub(crate) const NO_LEAK: &str = "G4: no lock is left behind";
/// G4: who waits, waits for somebody who is there.
pub(crate) const NO_STRAND: &str = "G4: no waiter is stranded";
/// Every call ends. stateright judges this where a path ends. It takes no cycle for an end, and
/// where two paths meet it goes on with what the first one has seen. So it may miss a violation and
/// never invents one; [`liveness`](crate::liveness) closes both gaps, in smaller worlds.
pub(crate) const ENDS: &str = "every call ends";

// That the runs come to where the promises are hard to keep.
pub(crate) const REFUSED: &str = "a fill is refused";
pub(crate) const SHARED: &str = "a fill is accepted while somebody waits for it";
pub(crate) const READ_SHARED: &str = "a read is shared";

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let Bounds { callers, commits, expiries, lapses, drops, crashes, failures, guest, .. } =
            self.bounds;
        let caller = |index| Caller {
            phase: if index < usize::from(callers) { Phase::Idle } else { Phase::Gone },
            floor: 0,
            flight: 0,
            attempt: Attempt::default(),
        };
        vec![State {
            database: 0,
            floor: 0,
            invalidations: [Invalidation::Ahead; COMMITS],
            entry: None,
            lock: None,
            processes: [Process { alive: true, reading: None, guest: None }; PROCESSES],
            callers: std::array::from_fn(caller),
            flights: [None; CALLERS],
            messages: [None; MESSAGES],
            left: Left { commits, expiries, lapses, drops, crashes, failures, guest },
            broken: crate::state::Broken::default(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.actions(&self.rules, &self.bounds, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        next.apply(&self.rules, action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(FRESH_VALUES, |_, state: &State| {
                state.callers.iter().all(|caller| caller.phase != Phase::Deceived)
            }),
            Property::always(FRESH_STORE, |_, state: &State| {
                state.entry.is_none_or(|entry| entry.version >= state.floor)
            }),
            Property::always(LEASED, |_, state: &State| !state.broken.unleased),
            Property::always(ONE_REBUILD, |_, state: &State| !state.broken.overwrote),
            Property::always(PROVEN, |_, state: &State| !state.broken.unproven),
            Property::always(NO_LEAK, |_, state: &State| state.knows_its_lock()),
            Property::always(NO_STRAND, |_, state: &State| state.strands_nobody()),
            Property::eventually(ENDS, |_, state: &State| state.is_over()),
            Property::sometimes(REFUSED, |_, state: &State| {
                state
                    .callers
                    .iter()
                    .any(|caller| matches!(caller.phase, Phase::Filled { stored: false, .. }))
            }),
            Property::sometimes(
                "a fill is accepted with somebody waiting for it",
                |_, state: &State| {
                    (0..CALLERS).any(|caller| {
                        state.callers[caller].phase.stored()
                            && state.members(state.callers[caller].flight).next().is_some()
                    })
                },
            ),
            Property::sometimes(READ_SHARED, |_, state: &State| {
                state.processes.iter().filter_map(|process| process.reading).any(|reading| {
                    (0..CALLERS).any(|caller| {
                        state.callers[caller].phase == Phase::SharesRead
                            && reading.before >> caller & 1 == 1
                    })
                })
            }),
        ]
    }
}

impl State {
    /// Whether nobody has a call under way or before it.
    pub(crate) fn is_over(&self) -> bool {
        (0..CALLERS)
            .all(|caller| !self.is_waiting(caller) && self.callers[caller].phase != Phase::Idle)
    }

    fn knows_its_lock(&self) -> bool {
        let Some(lock) = self.lock else { return true };
        let is_kept = self.flights.iter().flatten().any(|flight| {
            let asks = flight
                .holder
                .is_some_and(|holder| matches!(self.callers[holder].phase, Phase::Acquires { .. }));
            flight.lease.token() == Some(lock.token)
                && (asks || !matches!(flight.lease, Lease::Idle(_)))
        });
        let is_mentioned =
            || self.messages.iter().flatten().any(|message| message.token() == lock.token);
        lock.orphaned || is_kept || is_mentioned()
    }

    fn strands_nobody(&self) -> bool {
        (0..CALLERS).all(|caller| {
            let Caller { phase, flight, .. } = self.callers[caller];
            let process = self.processes[process_of(caller)];
            match phase {
                Phase::SharesRead => process
                    .reading
                    .is_some_and(|reading| self.callers[reading.holder].phase == Phase::Reads),
                Phase::JoinedGuest => process.guest.is_some_and(|guest| {
                    matches!(self.callers[guest.holder].phase, Phase::RecomputesGuest { .. })
                }),
                Phase::Joined => self.flights[flight].is_some_and(|joined| {
                    joined.holder.is_none_or(|holder| {
                        self.is_waiting(holder)
                            && self.callers[holder].flight == flight
                            && self.callers[holder].phase != Phase::Joined
                    })
                }),
                _ => true,
            }
        })
    }
}
