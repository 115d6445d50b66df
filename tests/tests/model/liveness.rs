//! That every run ends, and ends well, without the gaps of stateright's `eventually`.

use std::collections::HashMap;
use std::time::Instant;

use stateright::{Model as _, Representative as _};

use crate::SMALL;
use crate::action::Action;
use crate::protocol::Protocol;
use crate::rules::{Bounds, Rules, UNBOUNDED};
use crate::state::{CALLERS, State};

/// Whether all that follows a state has been seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Open,
    Closed,
}

/// Walks the whole graph of states, depth first. States that differ only in which of two callers does what are one:
/// a run that comes back to one that is like an earlier one could go on like that for ever.
///
/// An edge back to a state that is still open closes a cycle; there must be none. So from every
/// state, steps that are bound to happen sooner or later lead to one where none is left, and in
/// each of those every call that began must have ended. Both together: whatever goes wrong, if
/// after some moment nothing more does, every call ends. Returns the number of states, or one in which
/// somebody waits for ever.
fn walk(protocol: &Protocol) -> Result<usize, Box<State>> {
    let mut visits = HashMap::new();
    let mut open: Vec<(State, Vec<Action>)> = Vec::new();
    let enter = |state: State, open: &mut Vec<(State, Vec<Action>)>| {
        let mut actions = Vec::new();
        protocol.actions(&state, &mut actions);
        let is_stuck =
            !actions.iter().any(|action| action.is_progress(&protocol.rules, &protocol.bounds));
        let waits = (0..CALLERS).any(|caller| state.waits_for_an_end(caller));
        if is_stuck && waits {
            return Err(Box::new(state));
        }
        open.push((state, actions));
        Ok(())
    };
    for state in protocol.init_states() {
        visits.insert(state, Visit::Open);
        enter(state, &mut open)?;
    }
    while let Some((state, actions)) = open.last_mut() {
        let Some(action) = actions.pop() else {
            visits.insert(*state, Visit::Closed);
            open.pop();
            continue;
        };
        let Some(next) = protocol.next_state(state, action) else { continue };
        let next = next.representative();
        match visits.get(&next) {
            Some(Visit::Open) => panic!("{action:?} leads back to {next:#?}"),
            Some(Visit::Closed) => {}
            None => {
                visits.insert(next, Visit::Open);
                enter(next, &mut open)?;
            }
        }
    }
    Ok(visits.len())
}

fn assert_every_call_ends(name: &str, bounds: Bounds) {
    let begun = Instant::now();
    match walk(&Protocol { rules: Rules::RIGHT, bounds }) {
        Ok(states) => println!("{name}: {states} states, {:.1} s", begun.elapsed().as_secs_f64()),
        Err(state) => panic!("{name}: somebody waits for ever: {state:#?}"),
    }
}

#[test]
fn every_call_ends_when_callers_are_dropped() {
    assert_every_call_ends("liveness, drops", Bounds { drops: 1, ..SMALL });
}

#[test]
fn every_call_ends_when_the_store_fails() {
    assert_every_call_ends("liveness, failures", Bounds { failures: 1, ..SMALL });
}

#[test]
fn every_call_ends_when_processes_die_and_patience_ends() {
    let bounds = Bounds { callers: 3, commits: 0, crashes: 1, guest: 1, ..SMALL };
    assert_every_call_ends("liveness, crashes", bounds);
}

/// Two callers whose loads hang, and one that waits for them, in two processes. Patience is never used up.
const HUNG: Bounds =
    Bounds { callers: 3, commits: 0, hangs: 2, hedges: UNBOUNDED, guest: UNBOUNDED, ..SMALL };

#[test]
fn every_call_ends_behind_two_holders_that_hang() {
    assert_every_call_ends("liveness, two hang", HUNG);
}

#[test]
fn every_call_ends_behind_a_holder_that_hangs() {
    assert_every_call_ends(
        "liveness, one hangs",
        Bounds { callers: 2, apart: true, hangs: 1, ..HUNG },
    );
}

#[test]
fn a_wait_without_a_second_limit_is_caught() {
    let rules = Rules { no_second_limit: true, ..Rules::RIGHT };
    let Err(state) = walk(&Protocol { rules, bounds: HUNG }) else { panic!("every call ends") };
    assert!(
        state.server.slots.iter().all(Option::is_some),
        "it waits for something else: {state:#?}"
    );
}

#[test]
fn every_call_ends_after_a_failover() {
    assert_every_call_ends("liveness, failover", Bounds { failovers: 1, ..SMALL });
}

#[test]
fn every_call_ends_when_the_old_server_goes_on() {
    let bounds = Bounds { failovers: 1, split: true, ..SMALL };
    assert_every_call_ends("liveness, split", bounds);
}

#[test]
fn every_call_ends_when_loads_outlive_their_callers() {
    assert_every_call_ends("liveness, detached", Bounds { detached: true, drops: 1, ..SMALL });
}

#[test]
fn every_call_ends_when_values_are_not_to_be_cached() {
    assert_every_call_ends("liveness, marks", Bounds { marks: 1, hedges: 1, ..SMALL });
}

#[test]
fn every_call_ends_when_stale_values_are_served() {
    let bounds = Bounds { stale: true, expiries: 1, failures: 1, ..SMALL };
    assert_every_call_ends("liveness, stale windows", bounds);
}
