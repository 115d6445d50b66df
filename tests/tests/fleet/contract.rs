//! G3 in real processes: whatever loads come to, no call waits for more than two of them, and then takes its own.

use std::time::Duration;

use cachefence_tests::{Crowd, RedisServer, is_long};

/// How long a load takes: much longer than all that a busy machine adds.
const TAKES: Duration = Duration::from_millis(800);

/// How much longer a call may take than the contract says, on a machine that is busy with other things.
fn noise() -> Duration {
    if is_long() { Duration::from_millis(300) } else { Duration::from_millis(1_500) }
}

/// Runs processes whose loads come to `kind`, and holds against what was measured how many loads a call may take the time of,
/// and how many loads of a process may run at a time. Returns how many loads there were.
#[track_caller]
fn assert_contract(
    (store, url): (&str, &str),
    kind: &str,
    (processes, callers): (usize, usize),
    most_loads: u32,
    at_a_time: usize,
) -> usize {
    let crowds = Crowd::run(env!("CARGO_BIN_EXE_crowd"), processes, (url, kind), callers, TAKES);
    let longest = crowds.iter().map(|crowd| crowd.longest).max().expect("there are processes");
    let loads = crowds.iter().map(|crowd| crowd.loads).sum();
    let most = crowds.iter().map(|crowd| crowd.most_at_a_time).max().expect("there are processes");
    println!(
        "{store}, {kind}: {processes} processes x {callers} callers, loads of {TAKES:.1?}: {loads} loads, up to {most} of a \
         process at a time, the longest call {longest:.1?}"
    );
    assert!(longest <= TAKES * most_loads + noise(), "{store}, {kind}: {crowds:#?}");
    assert!(most <= at_a_time, "{store}, {kind}: {crowds:#?}");
    loads
}

fn on(store: &str, server: &RedisServer) {
    let on = (store, server.url());
    let on = (on.0, on.1.as_str());
    let (processes, callers) = (8, 50);
    let all = processes * callers;
    // The first load, one of its own, and nothing that the callers of a process could not share.
    assert_eq!(assert_contract(on, "fails", (processes, callers), 2, 1), processes);
    server.cli(&["FLUSHALL"]);
    let loads = assert_contract(on, "uncacheable", (processes, callers), 2, 1);
    assert!((1..=processes).contains(&loads), "{loads}");
    server.cli(&["FLUSHALL"]);
    // A load elsewhere, one here, and one's own: all of a process together.
    assert_eq!(assert_contract(on, "fails-alone", (processes, callers), 3, callers), all);
    server.cli(&["FLUSHALL"]);
    assert_eq!(assert_contract(on, "panics", (processes, callers), 3, callers), all);
    server.cli(&["FLUSHALL"]);
    // Half of the callers leave, and one of the others goes on.
    let loads = assert_contract(on, "left", (processes, callers), 2, 1);
    assert!(loads <= callers + processes, "{loads}");
}

#[test]
fn on_redis() {
    on("Redis", &RedisServer::start());
}

#[test]
fn on_redis_without_scripts() {
    on("Redis without scripts", &RedisServer::without_scripts());
}

#[test]
fn in_memory() {
    let on = ("memory", "memory");
    let callers = 400;
    assert_eq!(assert_contract(on, "fails", (1, callers), 1, 1), 1);
    assert_eq!(assert_contract(on, "uncacheable", (1, callers), 1, 1), 1);
    assert_eq!(assert_contract(on, "fails-alone", (1, callers), 3, callers), callers);
    assert_eq!(assert_contract(on, "panics", (1, callers), 3, callers), callers);
    let loads = assert_contract(on, "left", (1, callers), 2, 1);
    assert!(loads <= callers, "{loads}");
}

/// The defaults: a load of 7 seconds, which is longer than `wait_for_lock`.
#[test]
fn a_load_that_is_longer_than_anybody_waits_costs_the_fleet_two() {
    let server = RedisServer::start();
    let takes = Duration::from_secs(7);
    let run = |url: &str| Crowd::run(env!("CARGO_BIN_EXE_crowd"), 4, (url, "loads"), 50, takes);
    let crowds = run(&server.url());
    let loads: usize = crowds.iter().map(|crowd| crowd.loads).sum();
    let stored: u64 = crowds.iter().map(|crowd| crowd.stored).sum();
    println!("4 processes x 50 callers, a load of 7 s: {loads} loads");
    assert_eq!((loads, stored), (2, 1), "{crowds:#?}");
}
