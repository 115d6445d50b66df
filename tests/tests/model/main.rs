//! The protocol, checked in every order in which its steps can happen.
//!
//! A model of what `engine`, `lease` and the Lua scripts do about one key. stateright explores all
//! its runs, within bounds on how many calls, commits and mishaps there are. [`protocol`] lists what
//! has to hold. [`broken`] and [`broken_slots`] break one rule at a time, and have to be caught.
//!
//! # What is modelled
//!
//! - Two processes. Their callers look, share reads, join flights, lead them, ask for the lease, run
//!   tired of waiting, ask for the hedge or begin one in their process, load as guests, start again.
//! - One server with an entry and two slots. It executes each request in one step, as Redis does. The
//!   request is sent before and answered after that, and anything may happen in between. A request
//!   whose sender has given up is executed at any later time, even after requests that were sent
//!   later, because connections break and are made again.
//! - A database whose version grows. A recompute reads it once, between its begin and its return.
//! - Values that are not to be cached, whose marks take the place of the entry; entries past their ttl,
//!   which stay to be served within stale windows; retry-ats, which give an entry a new revision.
//! - Loads that run in tasks and go on when their callers have gone.
//! - Loads that hang, and loads that fail while another process waits.
//! - Invalidations: commit, `DEL slots entry`, then the flight of the process is voided and the call
//!   returns. They may overlap. And `Entry::set`, which seizes the lease.
//! - Entries and leases that end at any time, dropped callers whose batons pass on with their
//!   leases, processes that die, store operations and recomputes that fail.
//! - A failover: a replica that lacks the last writes takes the server's place, for all processes at once, or for
//!   each when it hears of it ([`failover`]). The promises are weaker then, and [`failovers`] has these worlds.
//!
//! Not all of this is in one world, which would be too large: [`features`] has a world for each.
//!
//! # What is left out, and why that is sound
//!
//! - *Time.* What a clock decides may go either way at any moment: whether an entry is fresh, early
//!   or expired, whether a lease has run out here or there, whether patience has. The model has
//!   every run of the real thing, whatever its clocks and renewals do, and more.
//! - *Looks at a slot that is still held.* They change nothing, so an acquire is executed when its
//!   answer is another one. Without them no run comes back to where it was, which [`liveness`]
//!   checks; so every run has an end that can be judged.
//! - *That other holders are there than before* is noticed in one world. In the others, a caller that would
//!   then load as a guest does so when its patience ends.
//! - *Payloads.* A value is the version of the database at which it was read. So is an error.
//! - *Tickets.* They are compared to learn who had called when something began, and the model keeps
//!   that set of callers. Where an acquire is answered with an entry, it is taken when the server
//!   executes the request and not when it is sent. That makes the set larger by callers that came
//!   before the entry was read; the model gives them the value where the engine has them start
//!   again.
//! - *Steps between which nothing can tell the difference.* A call and its first look are one step,
//!   and so are an answer and what its receiver does at once, and the void of an invalidation and
//!   its return. Apart, a call begins earlier or an invalidation returns later: less is promised.
//! - *Waits that are given up for the same thing done alone*: a read that takes longer than 300 ms,
//!   a recompute whose result cannot be passed on, a guest load that shows no life, the bodies that callers
//!   run of their own after one that cannot be shared. What is begun after the call and given to nobody else
//!   cannot break a promise to another.
//! - *Terms.* A renewal only prolongs, so it changes nothing here; that a lease lapses is a step of its own.
//! - *The place that a caller keeps in the flight that it overtakes.* What it is given there, it is given as
//!   any other member.
//! - *The stale value that a member finds when the load has failed*, and a mark or a postponement that is
//!   sent once more after an error: a member serves what it found itself, and a failed release is executed
//!   late or never.
//! - *A guest load's look at the store* is answered in the step in which it is sent.
//! - *A replica that lacks a write and has a later one, or half of a script.* Redis replicates in one order, and a
//!   script as a whole.
//! - *A second failover.* A world has one.
//! - *Lost requests.* A request that is not executed yet is as good as lost, and a waiter is never
//!   assumed to be saved by one: a lock that nobody owns ends with its lease.
//! - *`peek`, the second try of a refused `set`, and the transactions that replace refused scripts.* The
//!   last are checked against the scripts by `store_contract`.
//!
//! What the bounds leave out is not covered: a violation that takes four callers *and* two commits
//! would be missed. The worlds of an ordinary run are small. Larger ones have 53 million states
//! together, and take two minutes on two idle cores:
//!
//! ```sh
//! CACHEFENCE_LONG=1 cargo test --release -p cachefence-tests --test model -- --nocapture
//! ```

mod acquire;
mod action;
mod broken;
mod broken_slots;
mod call;
mod detached;
mod enabled;
mod ending;
mod explore;
mod failover;
mod failovers;
mod features;
mod flight;
mod guest;
mod hedge;
mod liveness;
mod messages;
mod names;
mod protocol;
mod rules;
mod server;
mod setting;
mod state;
mod symmetry;
mod world;

use cachefence_tests::is_long;
use explore::assert_holds;
use protocol::{READ_SHARED, REFUSED, SHARED};
use rules::{Bounds, Rules};

/// Two callers of one process, and a commit in either process. The third caller of larger worlds is
/// alone in the other one.
const SMALL: Bounds = Bounds {
    callers: 2,
    apart: false,
    commits: 1,
    expiries: 0,
    lapses: 0,
    drops: 0,
    crashes: 0,
    failures: 0,
    errors: 0,
    guest: 0,
    early: false,
    hedges: 0,
    marks: 0,
    hangs: 0,
    sets: 0,
    stale: false,
    detached: false,
    notices: false,
    failovers: 0,
    split: false,
    repeats: 0,
    counts: false,
};

#[test]
fn it_holds_for_three_callers_in_two_processes() {
    let bounds = Bounds { callers: 3, ..SMALL };
    assert_holds("three callers", Rules::RIGHT, bounds, &[REFUSED, SHARED]);
}

#[test]
fn it_holds_when_callers_are_dropped_and_leases_lapse() {
    let bounds = Bounds { lapses: 1, drops: 1, ..SMALL };
    assert_holds("drops and lapses", Rules::RIGHT, bounds, &[REFUSED, SHARED]);
}

#[test]
fn it_holds_when_the_store_fails_or_answers_late() {
    let bounds = Bounds { failures: 1, drops: 1, ..SMALL };
    assert_holds("failures and drops", Rules::RIGHT, bounds, &[REFUSED, SHARED]);
}

#[test]
fn it_holds_when_processes_die_and_patience_ends() {
    let bounds = Bounds { crashes: 1, guest: 1, expiries: 1, ..SMALL };
    assert_holds("crashes and patience", Rules::RIGHT, bounds, &[REFUSED, SHARED]);
}

#[test]
fn it_holds_when_entries_are_refreshed_early() {
    let bounds = Bounds { early: true, drops: 1, expiries: 1, ..SMALL };
    assert_holds("early refreshes", Rules::RIGHT, bounds, &[REFUSED, SHARED]);
}

#[test]
fn a_token_may_be_asked_for_again_where_requests_keep_their_order() {
    let rules = Rules { ask_again: true, ordered: true, ..Rules::RIGHT };
    let bounds = Bounds { drops: 1, ..SMALL };
    assert_holds("ordered requests", rules, bounds, &[REFUSED, SHARED]);
}

#[test]
fn it_holds_in_larger_worlds() {
    if !is_long() {
        println!("skipped: set CACHEFENCE_LONG=1, and build with --release");
        return;
    }
    let two_commits = Bounds { callers: 3, commits: 2, lapses: 1, ..SMALL };
    assert_holds("long: two commits", Rules::RIGHT, two_commits, &[REFUSED, SHARED]);
    let four = Bounds { callers: 4, ..SMALL };
    assert_holds("long: four callers", Rules::RIGHT, four, &[REFUSED, SHARED, READ_SHARED]);
    let mishaps = Bounds { callers: 3, drops: 1, failures: 1, early: true, ..SMALL };
    assert_holds("long: mishaps", Rules::RIGHT, mishaps, &[REFUSED, SHARED]);
    let all = Bounds {
        commits: 2,
        expiries: 1,
        lapses: 1,
        drops: 1,
        crashes: 1,
        failures: 1,
        guest: 1,
        early: true,
        ..SMALL
    };
    assert_holds("long: everything at once", Rules::RIGHT, all, &[REFUSED, SHARED]);
}
