//! The protocol as stateright sees it, and what is asked of it.

use stateright::{Model, Property};

use crate::action::Action;
use crate::failover::Other;
use crate::rules::{Bounds, Rules};
use crate::server::Server;
use crate::state::{
    Attempt, CALLERS, COMMITS, Caller, CallerId, Invalidation, Kind, Lease, Left, Lock, MESSAGES,
    PROCESSES, Phase, Process, SLOTS, State, Version, process_of, token_bit,
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
/// G2: nothing is stored after something that was read later. A mark counts as stored.
pub(crate) const IN_ORDER: &str = "G2: nothing older is stored after something newer";
/// G2: a slot is free before it is given to another. So at most two loads of a key are stored at a time.
pub(crate) const ONE_HOLDER: &str = "G2: nobody is given a slot that another holds";
/// G3: a call waits for no third load after two that ended in nothing.
pub(crate) const TWO_LOADS: &str = "G3: nobody waits for a third load that may end in nothing";
/// What was refused, or never sent to the store, goes to callers that came before its recompute
/// began, and to nobody else.
pub(crate) const PROVEN: &str = "a value that is not fenced goes to earlier callers only";
/// G4: a lock that no living flight holds or may hold has its release on the way. The exceptions
/// are those of [`Lock::orphaned`].
pub(crate) const NO_LEAK: &str = "G4: no lock is left behind";
/// G4: who waits, waits for somebody who is there.
pub(crate) const NO_STRAND: &str = "G4: no waiter is stranded";
/// G1: an invalidation that the server has executed after a failover holds, whatever that has brought back.
pub(crate) const HEALED: &str = "G1: an invalidation that is repeated after a failover holds";
/// G2: where nothing else goes wrong, there is one load, and one more after a failover. While processes hear of
/// it at different times, it is one more for each of them.
pub(crate) const FEW_LOADS: &str = "G2: a failover costs one more load";
/// Every call ends. stateright judges this where a path ends. It takes no cycle for an end, and
/// where two paths meet it goes on with what the first one has seen. So it may miss a violation and
/// never invents one; [`liveness`](crate::liveness) closes both gaps, in smaller worlds.
pub(crate) const ENDS: &str = "every call ends";

// That the runs come to where the promises are hard to keep.
pub(crate) const REFUSED: &str = "a fill is refused";
pub(crate) const SHARED: &str = "a fill is accepted while somebody waits for it";
pub(crate) const BOTH_SLOTS: &str = "two loads hold the two slots";
pub(crate) const GUEST_STORED: &str = "what a guest loaded is stored";
pub(crate) const MARKED: &str = "a mark is in the place of the entry";
pub(crate) const KEPT_BY_MARK: &str = "a mark leaves a valid value";
pub(crate) const LEFT: &str = "a load goes on that its caller has left";
pub(crate) const LEFT_SHARED: &str = "a load that its caller has left has members";
pub(crate) const STALE: &str = "a value is kept past its ttl";
pub(crate) const FALLS_BACK: &str = "a caller waits that has a stale value to fall back on";
pub(crate) const BACK: &str = "what was invalidated is in the store again";
pub(crate) const REVIVED: &str = "a lease that came back stores what was invalidated";
pub(crate) const REPEATED: &str =
    "an invalidation is repeated when its entry or lease has come back";
pub(crate) const EXTRA_LOADS: &str = "a failover costs as many loads as it may";
pub(crate) const READ_SHARED: &str = "a read is shared";

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let Bounds { callers, commits, expiries, lapses, drops, crashes, failures, .. } =
            self.bounds;
        let Bounds { apart, errors, guest, hedges, marks, hangs, sets, .. } = self.bounds;
        let Bounds { failovers, repeats, counts, .. } = self.bounds;
        let keeps_all = failovers == 0 || self.rules.count_lost;
        let order: [CallerId; CALLERS] = if apart { [0, 2, 3, 1] } else { [0, 1, 2, 3] };
        let caller = |index| Caller {
            phase: if order[..usize::from(callers)].contains(&index) {
                Phase::Idle
            } else {
                Phase::Gone
            },
            floor: 0,
            flight: 0,
            attempt: Attempt::default(),
            left: false,
            queued: 0,
        };
        vec![State {
            database: 0,
            floor: 0,
            invalidations: [Invalidation::Ahead; COMMITS],
            server: Server {
                entry: None,
                slots: [None; SLOTS],
                newest: 0,
                kept: if keeps_all { Version::MAX } else { 0 },
            },
            other: Other::None,
            setting: None,
            processes: [Process { alive: true, behind: false, reading: None }; PROCESSES],
            callers: std::array::from_fn(caller),
            flights: [None; CALLERS],
            messages: [None; MESSAGES],
            left: Left {
                commits,
                expiries,
                lapses,
                drops,
                crashes,
                failures,
                errors,
                guest,
                hedges,
                marks,
                hangs,
                sets,
                failovers,
                repeats,
            },
            loads: counts.then_some(0),
            broken: crate::state::Broken::default(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.actions(&self.rules, &self.bounds, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        next.apply(&self.rules, &self.bounds, action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(FRESH_VALUES, |_, state: &State| {
                !state.broken.deceived
                    && state.callers.iter().all(|caller| caller.phase != Phase::Deceived)
            }),
            Property::always(FRESH_STORE, |_, state: &State| {
                state.asked_servers().all(|server| {
                    let floor = state.floor.min(server.kept);
                    server.entry.is_none_or(|entry| entry.version >= floor)
                })
            }),
            Property::always(LEASED, |_, state: &State| !state.broken.unleased),
            Property::always(ONE_REBUILD, |_, state: &State| !state.broken.overwrote),
            Property::always(IN_ORDER, |_, state: &State| !state.broken.older),
            Property::always(ONE_HOLDER, |_, state: &State| !state.broken.usurped),
            Property::always(TWO_LOADS, |_, state: &State| {
                state.callers.iter().all(|caller| caller.queued <= 2)
            }),
            Property::always(PROVEN, |_, state: &State| !state.broken.unproven),
            Property::always(NO_LEAK, |_, state: &State| state.knows_its_locks()),
            Property::always(NO_STRAND, |_, state: &State| state.strands_nobody()),
            Property::always(HEALED, |protocol: &Self, state: &State| {
                protocol.bounds.split
                    || !state.has_repeated(&protocol.bounds)
                    || state.server.entry.is_none_or(|entry| entry.version >= state.floor)
            }),
            Property::always(FEW_LOADS, |protocol: &Self, state: &State| {
                state.loads.is_none_or(|loads| loads <= state.expected_loads(&protocol.bounds))
            }),
            Property::eventually(ENDS, |_, state: &State| state.is_over()),
            Property::sometimes(REFUSED, |_, state: &State| {
                state
                    .callers
                    .iter()
                    .any(|caller| matches!(caller.phase, Phase::Filled { stored: false, .. }))
            }),
            Property::sometimes(SHARED, |_, state: &State| {
                (0..CALLERS).any(|caller| {
                    state.callers[caller].phase.stored()
                        && state.members(state.callers[caller].flight).next().is_some()
                })
            }),
            Property::sometimes(BOTH_SLOTS, |_, state: &State| {
                state.server.slots.iter().all(Option::is_some)
            }),
            Property::sometimes(GUEST_STORED, |_, state: &State| {
                (0..CALLERS).any(|caller| {
                    let flight = state.flights[state.callers[caller].flight];
                    state.callers[caller].phase.stored()
                        && flight.is_some_and(|flight| flight.lease.token().is_none())
                })
            }),
            Property::sometimes(MARKED, |_, state: &State| {
                state.server.entry.is_some_and(|entry| entry.kind == Kind::Mark)
            }),
            Property::sometimes(KEPT_BY_MARK, |protocol: &Self, state: &State| {
                protocol.bounds.marks > 0
                    && state
                        .server
                        .entry
                        .is_some_and(|entry| entry.kind == Kind::Value && entry.held_off)
            }),
            Property::sometimes(LEFT, |_, state: &State| {
                state.callers.iter().any(|caller| caller.left)
            }),
            Property::sometimes(LEFT_SHARED, |_, state: &State| {
                (0..CALLERS).any(|caller| {
                    let Caller { left, flight, .. } = state.callers[caller];
                    left && state.members(flight).next().is_some()
                })
            }),
            Property::sometimes(STALE, |_, state: &State| {
                state.server.entry.is_some_and(|entry| !entry.valid)
            }),
            Property::sometimes(FALLS_BACK, |_, state: &State| {
                state.callers.iter().any(|caller| caller.attempt.falls_back)
            }),
            Property::sometimes(BACK, |_, state: &State| {
                state.server.entry.is_some_and(|entry| entry.version < state.floor)
            }),
            Property::sometimes(REVIVED, |_, state: &State| state.broken.revived),
            Property::sometimes(REPEATED, |protocol: &Self, state: &State| {
                state.has_repeated(&protocol.bounds)
            }),
            Property::sometimes(EXTRA_LOADS, |protocol: &Self, state: &State| {
                let expected = state.expected_loads(&protocol.bounds);
                expected > 1 && state.loads == Some(expected)
            }),
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
    /// How many loads there may have been where nothing else goes wrong.
    fn expected_loads(&self, bounds: &Bounds) -> u8 {
        let times = if bounds.split { self.processes.len() } else { 1 };
        let extra = usize::from(bounds.failovers - self.left.failovers) * times;
        u8::try_from(1 + extra).expect("few failovers")
    }

    /// Whether an invalidation was repeated after a failover, and all have returned.
    fn has_repeated(&self, bounds: &Bounds) -> bool {
        let is_over = |invalidation: &Invalidation| {
            matches!(invalidation, Invalidation::Ahead | Invalidation::Over)
        };
        self.left.repeats < bounds.repeats && self.invalidations.iter().all(is_over)
    }

    /// Whether nobody has a call under way or before it.
    pub(crate) fn is_over(&self) -> bool {
        (0..CALLERS).all(|caller| {
            !self.waits_for_an_end(caller) && self.callers[caller].phase != Phase::Idle
        })
    }

    /// Whether the call is under way, and is bound to end: neither its own body hangs nor the one that its
    /// process runs in its place.
    pub(crate) fn waits_for_an_end(&self, caller: CallerId) -> bool {
        let Caller { phase, flight, .. } = self.callers[caller];
        let hangs = |holder: CallerId| self.callers[holder].phase == Phase::Hangs;
        let hangs = match phase {
            Phase::Hangs => true,
            Phase::Joined => self.flights[flight]
                .is_some_and(|joined| joined.guest && joined.holder.is_some_and(hangs)),
            _ => false,
        };
        self.is_waiting(caller) && !hangs
    }

    fn knows_its_locks(&self) -> bool {
        self.asked_servers()
            .all(|server| server.slots.iter().flatten().all(|lock| self.knows(*lock)))
    }

    fn knows(&self, lock: Lock) -> bool {
        let is_kept = self.flights.iter().flatten().any(|flight| {
            let asks = flight
                .holder
                .is_some_and(|holder| matches!(self.callers[holder].phase, Phase::Acquires { .. }));
            flight.lease.token() == Some(lock.token)
                && (asks || !matches!(flight.lease, Lease::Idle(_)))
        });
        let names = token_bit(lock.token);
        let is_mentioned =
            || self.messages.iter().flatten().any(|message| message.tokens() & names != 0);
        let is_set = || self.setting.is_some_and(|setting| setting.token == lock.token);
        lock.orphaned || is_kept || is_mentioned() || is_set()
    }

    fn strands_nobody(&self) -> bool {
        (0..CALLERS).all(|caller| {
            let Caller { phase, flight, .. } = self.callers[caller];
            let process = self.processes[process_of(caller)];
            match phase {
                Phase::SharesRead => process
                    .reading
                    .is_some_and(|reading| self.callers[reading.holder].phase == Phase::Reads),
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
