//! That every run ends, and ends well, without the gaps of stateright's `eventually`.

use std::collections::HashMap;

use stateright::Model as _;

use crate::SMALL;
use crate::action::Action;
use crate::protocol::Protocol;
use crate::rules::{Bounds, Rules};
use crate::state::{CALLERS, State};

/// Whether all that follows a state has been seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Open,
    Closed,
}

/// Walks the whole graph of states, depth first.
///
/// An edge back to a state that is still open closes a cycle; there must be none. So from every
/// state, steps that are bound to happen sooner or later lead to one where none is left, and in
/// each of those every call that began must have ended. Both together: whatever goes wrong, if
/// after some moment nothing more does, every call ends. Returns the number of states.
fn walk(protocol: &Protocol) -> usize {
    let mut visits = HashMap::new();
    let mut open: Vec<(State, Vec<Action>)> = Vec::new();
    let enter = |state: State, open: &mut Vec<(State, Vec<Action>)>| {
        let mut actions = Vec::new();
        protocol.actions(&state, &mut actions);
        let is_stuck = !actions.iter().any(|action| action.is_progress(&protocol.rules));
        let waits = (0..CALLERS).any(|caller| state.is_waiting(caller));
        assert!(!is_stuck || !waits, "somebody waits for ever: {state:#?}");
        open.push((state, actions));
    };
    for state in protocol.init_states() {
        visits.insert(state, Visit::Open);
        enter(state, &mut open);
    }
    while let Some((state, actions)) = open.last_mut() {
        let Some(action) = actions.pop() else {
            visits.insert(*state, Visit::Closed);
            open.pop();
            continue;
        };
        let Some(next) = protocol.next_state(state, action) else { continue };
        match visits.get(&next) {
            Some(Visit::Open) => panic!("{action:?} leads back to {next:#?}"),
            Some(Visit::Closed) => {}
            None => {
                visits.insert(next, Visit::Open);
                enter(next, &mut open);
            }
        }
    }
    visits.len()
}

fn assert_every_call_ends(name: &str, bounds: Bounds) {
    let states = walk(&Protocol { rules: Rules::RIGHT, bounds });
    println!("{name}: {states} states");
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
