//! Protocols that break one rule, and the promise that breaks with it. A checker that has never
//! found anything shows nothing.

use crate::SMALL;
use crate::explore::find_violation;
use crate::protocol::{FRESH_STORE, FRESH_VALUES, LEASED, NO_LEAK, ONE_REBUILD, PROVEN};
use crate::rules::{Bounds, Rules};

const RIGHT: Rules = Rules::RIGHT;

#[test]
fn an_unconditional_store_stores_what_was_invalidated() {
    let rules = Rules { fill_unconditionally: true, ..RIGHT };
    find_violation("unconditional store", rules, SMALL, FRESH_STORE);
}

#[test]
fn an_unconditional_store_stores_without_the_lease() {
    let rules = Rules { fill_unconditionally: true, ..RIGHT };
    find_violation("unconditional store", rules, SMALL, LEASED);
}

#[test]
fn a_token_per_process_lets_an_old_flight_store_under_the_lease_of_a_new_one() {
    let rules = Rules { token_per_process: true, ..RIGHT };
    find_violation("token per process", rules, SMALL, FRESH_STORE);
}

/// What a flight stored may be invalidated before its fill is answered; who joins it after that
/// must not have it.
#[test]
fn a_flight_that_can_be_joined_while_it_stores_deceives_the_joiner() {
    let rules = Rules { join_until_filled: true, ..RIGHT };
    find_violation("no seal before the store", rules, SMALL, FRESH_VALUES);
}

#[test]
fn a_refused_value_deceives_joiners() {
    let rules = Rules { share_refused: true, ..RIGHT };
    find_violation("refused value shared", rules, SMALL, FRESH_VALUES);
    find_violation("refused value shared", rules, SMALL, PROVEN);
}

/// "No such user" is data.
#[test]
fn an_error_that_outlives_its_lease_deceives_joiners() {
    let rules = Rules { share_errors: true, ..RIGHT };
    let bounds = Bounds { failures: 1, ..SMALL };
    find_violation("unfenced error shared", rules, bounds, FRESH_VALUES);
}

#[test]
fn a_read_that_was_under_way_deceives_those_who_came_later() {
    let rules = Rules { share_earlier_read: true, ..RIGHT };
    find_violation("earlier read shared", rules, Bounds { callers: 3, ..SMALL }, FRESH_VALUES);
}

#[test]
fn an_invalidation_that_leaves_the_lock_lets_its_holder_store_what_it_read_before() {
    let rules = Rules { leave_lock: true, ..RIGHT };
    find_violation("lock not deleted", rules, SMALL, FRESH_STORE);
}

#[test]
fn an_acquire_that_does_not_look_at_the_entry_loads_it_twice() {
    let rules = Rules { acquire_blindly: true, ..RIGHT };
    let bounds = Bounds { callers: 3, commits: 0, ..SMALL };
    find_violation("no look in acquire", rules, bounds, ONE_REBUILD);
}

/// The acquire is executed after its caller gave it up: after the recompute has read, and after the
/// invalidation. The lock that it takes then proves nothing about the recompute, and even requests
/// that keep their order do not help.
#[test]
fn a_lease_that_was_never_granted_stores_what_was_invalidated() {
    let bounds = Bounds { failures: 1, ..SMALL };
    for ordered in [false, true] {
        let rules = Rules { fill_unanswered: true, ordered, ..RIGHT };
        find_violation("fill after a failed acquire", rules, bounds, FRESH_STORE);
    }
}

/// A dropped leader's acquire is executed after its successor's, and after an invalidation: it
/// gives the successor's token the lock back.
#[test]
fn a_token_that_is_asked_for_twice_comes_back_after_an_invalidation() {
    let rules = Rules { ask_again: true, ..RIGHT };
    find_violation("same token again", rules, Bounds { drops: 1, ..SMALL }, FRESH_STORE);
}

/// A leader that was granted the lock is dropped before it learns of it. Its successor had not
/// looked itself, is told of the entry that was about to be refreshed, and serves that.
#[test]
fn a_successor_that_is_told_of_an_entry_may_leave_a_lock_behind() {
    let rules = Rules { forget_lock: true, ask_again: true, ordered: true, ..RIGHT };
    let bounds = Bounds { callers: 3, commits: 0, drops: 1, early: true, ..SMALL };
    find_violation("lock forgotten", rules, bounds, NO_LEAK);
}
