//! What the protocol has besides the lease, each in a small world of its own.

use cachefence_tests::is_long;

use crate::SMALL;
use crate::explore::assert_holds;
use crate::protocol::{
    BOTH_SLOTS, FALLS_BACK, GUEST_STORED, KEPT_BY_MARK, LEFT, LEFT_SHARED, MARKED, REFUSED, SHARED,
    STALE,
};
use crate::rules::{Bounds, Rules};

const RIGHT: Rules = Rules::RIGHT;
/// Two callers in two processes.
const APART: Bounds = Bounds { apart: true, ..SMALL };

#[test]
fn it_holds_when_a_load_is_overtaken_in_its_process() {
    let bounds = Bounds { hedges: 1, ..SMALL };
    assert_holds("hedge", RIGHT, bounds, &[BOTH_SLOTS, REFUSED, SHARED]);
}

#[test]
fn it_holds_when_a_load_is_hedged_by_another_process() {
    let bounds = Bounds { hedges: 1, lapses: 1, ..APART };
    assert_holds("hedge apart", RIGHT, bounds, &[BOTH_SLOTS, REFUSED]);
}

#[test]
fn it_holds_when_hedges_lapse() {
    let bounds = Bounds { hedges: 1, lapses: 1, ..SMALL };
    assert_holds("hedge and lapse", RIGHT, bounds, &[BOTH_SLOTS, REFUSED]);
}

#[test]
fn it_holds_when_a_guest_stores() {
    let bounds = Bounds { guest: 2, ..SMALL };
    assert_holds("guest", RIGHT, bounds, &[GUEST_STORED, REFUSED, SHARED]);
}

#[test]
fn it_holds_when_a_guest_stores_by_the_token_of_another_process() {
    let bounds = Bounds { guest: 1, ..APART };
    assert_holds("guest apart", RIGHT, bounds, &[GUEST_STORED, REFUSED]);
}

#[test]
fn it_holds_when_values_are_not_to_be_cached() {
    let bounds = Bounds { marks: 2, ..APART };
    assert_holds("mark", RIGHT, bounds, &[MARKED, REFUSED]);
}

#[test]
fn it_holds_when_nobody_waits_because_of_a_mark() {
    let bounds = Bounds { callers: 3, commits: 0, marks: 1, ..SMALL };
    assert_holds("load behind a mark", RIGHT, bounds, &[MARKED, GUEST_STORED]);
}

#[test]
fn it_holds_when_a_hedge_and_a_mark_are_under_way() {
    let bounds = Bounds { marks: 1, hedges: 1, ..APART };
    assert_holds("mark and hedge", RIGHT, bounds, &[MARKED, BOTH_SLOTS, REFUSED]);
}

#[test]
fn it_holds_when_a_refresh_returns_a_value_that_is_not_to_be_cached() {
    let bounds = Bounds { marks: 1, early: true, ..SMALL };
    assert_holds("mark over a value", RIGHT, bounds, &[MARKED, KEPT_BY_MARK]);
}

#[test]
fn it_holds_when_loads_outlive_their_callers() {
    let bounds = Bounds { detached: true, drops: 1, lapses: 1, ..SMALL };
    assert_holds("detached", RIGHT, bounds, &[LEFT, LEFT_SHARED, REFUSED, SHARED]);
}

#[test]
fn it_holds_when_refreshes_outlive_their_callers() {
    let bounds = Bounds { detached: true, early: true, expiries: 1, ..SMALL };
    assert_holds("detached refresh", RIGHT, bounds, &[LEFT, REFUSED]);
}

#[test]
fn it_holds_when_stale_values_are_served() {
    let bounds = Bounds { stale: true, expiries: 1, ..SMALL };
    assert_holds("stale window", RIGHT, bounds, &[STALE, FALLS_BACK, REFUSED]);
}

#[test]
fn it_holds_when_loads_fail_within_a_stale_window() {
    let bounds = Bounds { stale: true, expiries: 1, errors: 1, hedges: 1, ..APART };
    assert_holds("failure in a stale window", RIGHT, bounds, &[STALE, FALLS_BACK, BOTH_SLOTS]);
}

#[test]
fn it_holds_when_values_are_set() {
    let bounds = Bounds { callers: 1, sets: 2, guest: 1, ..SMALL };
    assert_holds("set", RIGHT, bounds, &[GUEST_STORED, REFUSED]);
}

#[test]
fn it_holds_when_waiting_callers_notice_that_loads_fail() {
    let bounds = Bounds { callers: 3, commits: 0, errors: 2, notices: true, ..SMALL };
    assert_holds("failures noticed", RIGHT, bounds, &[GUEST_STORED]);
}

#[test]
fn it_holds_in_larger_worlds_of_slots_and_guests() {
    if !is_long() {
        println!("skipped: set CACHEFENCE_LONG=1, and build with --release");
        return;
    }
    let hedges = Bounds { callers: 3, hedges: 1, ..SMALL };
    assert_holds("long: hedge", RIGHT, hedges, &[BOTH_SLOTS, REFUSED, SHARED]);
    let mishaps = Bounds { hedges: 1, lapses: 1, drops: 1, failures: 1, ..SMALL };
    assert_holds("long: hedge and mishaps", RIGHT, mishaps, &[BOTH_SLOTS, REFUSED]);
    let guests = Bounds { callers: 3, guest: 1, ..SMALL };
    assert_holds("long: guest", RIGHT, guests, &[GUEST_STORED, REFUSED]);
    let slots = Bounds { commits: 2, hedges: 2, guest: 2, lapses: 1, ..APART };
    let failures = Bounds { commits: 2, guest: 1, failures: 1, ..APART };
    assert_holds("long: guest and failures", RIGHT, failures, &[GUEST_STORED, REFUSED]);
    let sets = Bounds { callers: 2, sets: 2, guest: 1, ..SMALL };
    assert_holds("long: guest and sets", RIGHT, sets, &[GUEST_STORED, REFUSED]);
    let noticed = Bounds { callers: 4, commits: 0, errors: 2, notices: true, ..SMALL };
    assert_holds("long: failures noticed", RIGHT, noticed, &[GUEST_STORED]);
    let three = Bounds { callers: 3, commits: 0, hedges: 2, guest: 1, ..SMALL };
    assert_holds("long: three slots asked for", RIGHT, three, &[BOTH_SLOTS, GUEST_STORED]);
    assert_holds("long: slots", RIGHT, slots, &[BOTH_SLOTS, GUEST_STORED, REFUSED]);
}

#[test]
fn it_holds_in_larger_worlds_of_marks_and_stale_windows() {
    if !is_long() {
        println!("skipped: set CACHEFENCE_LONG=1, and build with --release");
        return;
    }
    let marks = Bounds { callers: 3, marks: 1, ..SMALL };
    assert_holds("long: mark", RIGHT, marks, &[MARKED, REFUSED, SHARED]);
    let detached = Bounds { callers: 3, detached: true, drops: 1, ..SMALL };
    assert_holds("long: detached", RIGHT, detached, &[LEFT, LEFT_SHARED, REFUSED]);
    let stale = Bounds { stale: true, early: true, expiries: 2, failures: 1, drops: 1, ..SMALL };
    assert_holds("long: stale window", RIGHT, stale, &[STALE, FALLS_BACK]);
    let all = Bounds {
        commits: 2,
        expiries: 1,
        errors: 1,
        guest: 1,
        hedges: 1,
        marks: 1,
        stale: true,
        detached: true,
        ..APART
    };
    assert_holds("long: all features", RIGHT, all, &[BOTH_SLOTS, MARKED, STALE]);
}
