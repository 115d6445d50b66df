//! Wrong variants of what [`features`](crate::features) holds: slots, guests, marks, stale windows.

use crate::SMALL;
use crate::explore::{find_any_violation, find_violation};
use crate::protocol::{
    FRESH_STORE, FRESH_VALUES, IN_ORDER, LEASED, ONE_HOLDER, ONE_REBUILD, TWO_LOADS,
};
use crate::rules::{Bounds, Rules};

const RIGHT: Rules = Rules::RIGHT;
const HEDGED: Bounds = Bounds { hedges: 1, ..SMALL };

/// The hedge has read before a commit, the lease after it.
#[test]
fn a_store_by_the_lease_that_leaves_the_hedge_is_caught() {
    let rules = Rules { leave_hedge: true, ..RIGHT };
    find_violation("hedge left", rules, HEDGED, IN_ORDER);
}

#[test]
fn a_store_by_the_hedge_that_leaves_the_lease_is_caught() {
    let rules = Rules { leave_lease: true, ..RIGHT };
    find_violation("lease left", rules, HEDGED, IN_ORDER);
}

#[test]
fn an_unfenced_hedge_is_caught() {
    let rules = Rules { unfenced_hedge: true, ..RIGHT };
    find_violation("unfenced hedge", rules, HEDGED, FRESH_STORE);
}

#[test]
fn an_invalidation_that_leaves_the_hedge_is_caught() {
    let rules = Rules { hedge_outlives_invalidation: true, ..RIGHT };
    find_violation("hedge not deleted", rules, HEDGED, FRESH_STORE);
}

/// Nothing that is stored is wrong, but each hedge may be voided before it ends: a key whose load takes
/// longer than the wait is never loaded.
#[test]
fn a_hedge_over_a_live_hedge_is_caught() {
    let rules = Rules { hedge_over_hedge: true, ..RIGHT };
    let bounds = Bounds { callers: 3, commits: 0, hedges: 2, ..SMALL };
    find_violation("hedge over a hedge", rules, bounds, ONE_HOLDER);
}

/// The lease stores while the hedge is asked for.
#[test]
fn a_hedge_that_does_not_look_at_the_entry_is_caught() {
    let rules = Rules { hedge_blindly: true, ..RIGHT };
    let bounds = Bounds { commits: 0, ..HEDGED };
    find_violation("blind hedge", rules, bounds, ONE_REBUILD);
}

#[test]
fn an_unfenced_mark_is_caught() {
    let rules = Rules { unfenced_mark: true, ..RIGHT };
    let bounds = Bounds { marks: 1, ..SMALL };
    find_violation("unfenced mark", rules, bounds, FRESH_STORE);
    find_violation("unfenced mark", rules, bounds, LEASED);
}

/// The lease, which has read before a commit, stores over the mark of the hedge, which has read after it.
#[test]
fn a_mark_that_deletes_only_its_own_slot_is_caught() {
    let rules = Rules { mark_own_slot: true, ..RIGHT };
    find_violation("mark in one slot", rules, Bounds { marks: 1, ..HEDGED }, IN_ORDER);
}

/// Two loads of one process fail, and the caller of another process waits for each and for the third, because
/// to it they are one holder.
#[test]
fn a_held_slot_without_its_token_is_caught() {
    let rules = Rules { held_without_tokens: true, ..RIGHT };
    let bounds = Bounds { callers: 4, commits: 0, errors: 2, notices: true, ..SMALL };
    find_any_violation("held by nobody knows whom", rules, bounds, TWO_LOADS);
}

#[test]
fn a_renewal_that_sets_the_slot_is_caught() {
    let rules = Rules { renew_by_set: true, ..RIGHT };
    find_violation("renewal by SET", rules, SMALL, FRESH_STORE);
}

/// The guest has read while a `set` was under way. The key is invalidated, another `set` takes the lease, and
/// only then the guest learns of a token.
#[test]
fn a_guest_that_takes_its_token_when_its_body_ends_is_caught() {
    let rules = Rules { late_guest: true, ..RIGHT };
    let bounds = Bounds { callers: 1, sets: 2, guest: 1, ..SMALL };
    find_violation("late guest", rules, bounds, FRESH_STORE);
}

#[test]
fn a_guests_value_for_all_who_wait_now_is_caught() {
    let rules = Rules { share_guests_value: true, ..RIGHT };
    let bounds = Bounds { guest: 2, ..SMALL };
    find_violation("all who wait now", rules, bounds, FRESH_VALUES);
}

#[test]
fn an_invalidation_that_leaves_a_stale_value_is_caught() {
    let rules = Rules { leave_stale: true, ..RIGHT };
    let bounds = Bounds { stale: true, detached: true, ..SMALL };
    find_violation("stale value left", rules, bounds, FRESH_VALUES);
}

#[test]
fn a_set_that_does_not_seize_the_lease_is_caught() {
    let rules = Rules { set_unfenced: true, ..RIGHT };
    find_violation("unfenced set", rules, Bounds { callers: 1, sets: 1, ..SMALL }, FRESH_STORE);
}
