//! What a failover weakens, and what it leaves as it was. [`failover`](crate::failover) says how it is modelled.

use cachefence_tests::is_long;

use crate::SMALL;
use crate::explore::{assert_holds, find_violation};
use crate::protocol::{
    BACK, BOTH_SLOTS, EXTRA_LOADS, FRESH_STORE, FRESH_VALUES, GUEST_STORED, HEALED, IN_ORDER, LEFT,
    MARKED, REFUSED, REPEATED, REVIVED, SHARED, STALE,
};
use crate::rules::{Bounds, Rules};

const RIGHT: Rules = Rules::RIGHT;
const FAILOVER: Bounds = Bounds { failovers: 1, ..SMALL };
/// Two callers in two processes, the one of which may hear of the failover long after the other.
const SPLIT: Bounds = Bounds { apart: true, split: true, ..FAILOVER };
/// The promises of a single primary, though there is a failover.
const STRICT: Rules = Rules { count_lost: true, ..RIGHT };

#[test]
fn a_failover_brings_back_what_was_invalidated() {
    find_violation("failover, strict", STRICT, FAILOVER, FRESH_STORE);
    find_violation("failover, strict", STRICT, FAILOVER, FRESH_VALUES);
}

/// A lease comes back, and with it the right to store what its load has read before the invalidation.
#[test]
fn a_failover_lets_something_older_be_stored_after_something_newer() {
    find_violation("failover, strict", STRICT, FAILOVER, IN_ORDER);
}

/// Both invalidations have returned, and neither server knows of both.
#[test]
fn an_old_server_that_goes_on_serves_what_was_invalidated_at_the_new_one() {
    find_violation("split, strict", STRICT, SPLIT, FRESH_VALUES);
}

#[test]
fn it_holds_for_all_that_a_failover_has_not_lost() {
    assert_holds("failover", RIGHT, FAILOVER, &[BACK, REVIVED, REFUSED, SHARED]);
}

#[test]
fn it_holds_when_what_came_back_ends() {
    let bounds = Bounds { stale: true, expiries: 2, ..FAILOVER };
    assert_holds("failover and ends", RIGHT, bounds, &[BACK, REVIVED, STALE, REFUSED]);
}

#[test]
fn it_holds_when_hedges_and_guests_meet_a_failover() {
    let hedge = Bounds { hedges: 1, apart: true, ..FAILOVER };
    assert_holds("failover and hedge", RIGHT, hedge, &[BACK, REVIVED, BOTH_SLOTS]);
    let guest = Bounds { guest: 1, apart: true, ..FAILOVER };
    assert_holds("failover and guest", RIGHT, guest, &[BACK, REVIVED, GUEST_STORED]);
}

#[test]
fn it_holds_when_the_store_fails_and_callers_are_dropped_in_a_failover() {
    let failures = Bounds { failures: 1, ..FAILOVER };
    assert_holds("failover and failures", RIGHT, failures, &[BACK, REVIVED, REFUSED]);
    let drops = Bounds { drops: 1, lapses: 1, ..FAILOVER };
    assert_holds("failover, drops and lapses", RIGHT, drops, &[BACK, REVIVED, REFUSED]);
}

#[test]
fn it_holds_when_the_old_server_goes_on() {
    assert_holds("split", RIGHT, SPLIT, &[BACK, REVIVED, REFUSED]);
    let bounds = Bounds { apart: false, ..SPLIT };
    assert_holds("split, one process", RIGHT, bounds, &[BACK, REVIVED, REFUSED, SHARED]);
}

#[test]
fn an_invalidation_that_is_repeated_heals() {
    let bounds = Bounds { repeats: 1, ..FAILOVER };
    assert_holds("failover, repeated", RIGHT, bounds, &[BACK, REVIVED, REPEATED]);
}

/// The lease that came back is what has to be deleted as well.
#[test]
fn an_invalidation_that_is_repeated_and_leaves_the_lease_heals_nothing() {
    let rules = Rules { leave_lock_again: true, ..RIGHT };
    find_violation("lock left again", rules, Bounds { repeats: 1, ..FAILOVER }, HEALED);
}

const COUNTED: Bounds = Bounds { callers: 3, commits: 0, counts: true, ..FAILOVER };

#[test]
fn a_failover_costs_one_load() {
    assert_holds("loads", RIGHT, Bounds { failovers: 0, ..COUNTED }, &[SHARED]);
    assert_holds("failover, loads", RIGHT, COUNTED, &[EXTRA_LOADS]);
}

#[test]
fn an_old_server_that_goes_on_costs_a_load_for_each_process() {
    assert_holds("split, loads", RIGHT, Bounds { split: true, ..COUNTED }, &[EXTRA_LOADS]);
}

#[test]
fn it_holds_in_larger_worlds_with_a_failover() {
    if !is_long() {
        println!("skipped: set CACHEFENCE_LONG=1, and build with --release");
        return;
    }
    let three = Bounds { callers: 3, ..FAILOVER };
    assert_holds("long: failover", RIGHT, three, &[BACK, REVIVED, REFUSED, SHARED]);
    let two_commits = Bounds { commits: 2, repeats: 1, ..FAILOVER };
    assert_holds("long: failover, two commits", RIGHT, two_commits, &[BACK, REVIVED, REPEATED]);
    let mishaps = Bounds { drops: 1, failures: 1, crashes: 1, early: true, ..FAILOVER };
    assert_holds("long: failover and mishaps", RIGHT, mishaps, &[BACK, REVIVED]);
    let sets = Bounds { callers: 1, sets: 1, guest: 1, ..FAILOVER };
    assert_holds("long: failover and sets", RIGHT, sets, &[BACK, REVIVED]);
    let marks = Bounds { marks: 1, detached: true, ..FAILOVER };
    assert_holds("long: failover and marks", RIGHT, marks, &[BACK, REVIVED, MARKED]);
    let stale = Bounds { expiries: 1, errors: 1, stale: true, detached: true, ..FAILOVER };
    assert_holds("long: failover and stale window", RIGHT, stale, &[BACK, REVIVED, STALE, LEFT]);
}

#[test]
fn it_holds_in_larger_worlds_where_the_old_server_goes_on() {
    if !is_long() {
        println!("skipped: set CACHEFENCE_LONG=1, and build with --release");
        return;
    }
    let three = Bounds { callers: 3, ..SPLIT };
    assert_holds("long: split, three callers", RIGHT, three, &[BACK, REVIVED]);
    let two_commits = Bounds { commits: 2, ..SPLIT };
    assert_holds("long: split, two commits", RIGHT, two_commits, &[BACK, REVIVED]);
    let hedge = Bounds { hedges: 1, ..SPLIT };
    assert_holds("long: split and hedge", RIGHT, hedge, &[BACK, REVIVED, BOTH_SLOTS]);
    let sets = Bounds { callers: 1, sets: 1, ..SPLIT };
    assert_holds("long: split and sets", RIGHT, sets, &[BACK, REVIVED]);
    let guest = Bounds { guest: 1, lapses: 1, ..SPLIT };
    assert_holds("long: split and guest", RIGHT, guest, &[BACK, REVIVED, GUEST_STORED]);
}
