//! Leases between processes: who loads when the holder dies, stops or fails, and how often in all.
//!
//! Each with scripts, without, and on a cluster. `CACHEFENCE_LONG=1` runs the cold fleet at its full size.

use std::time::Duration;

use cachefence_tests::fleet::{Event, Fleet, Options, Outcome};
use cachefence_tests::{DEADLINE, is_long};

use crate::store::Store;

const TTL: Duration = Duration::from_secs(3_600);

/// A lease that does not end by itself, but is not waited for forever should its release be lost.
const LONG: Duration = Duration::from_secs(10);

/// Nobody waits this long, and no lease ends by itself.
const NEVER: Duration = Duration::from_secs(600);

/// How long a waiter may take to notice that a lease has ended.
const NOTICED: Duration = Duration::from_millis(300);

/// How much longer a measured time may be on a machine that is busy with other things. The long form is run on an
/// idle one.
fn noise() -> Duration {
    if is_long() { Duration::ZERO } else { Duration::from_secs(3) }
}

fn options(store: &Store, lock_timeout: Duration) -> Options {
    Options {
        url: store.url(),
        namespace: "fleet".to_owned(),
        // However busy the machine, no worker takes the server for dead.
        op_timeout: DEADLINE,
        beta: 1.0,
        lock_timeout,
        wait_for_lock: NEVER,
        ..Options::default()
    }
}

fn fleet(title: &str, count: usize, options: &Options) -> (Fleet, Vec<u64>) {
    Fleet::start(env!("CARGO_BIN_EXE_worker"), title, count, options)
}

/// The entry of `k` as it stands in the server.
fn entry(store: &Store) -> Vec<u8> {
    let entry: Option<Vec<u8>> = redis::cmd("GET")
        .arg("fleet:k")
        .query(&mut store.at("fleet:k").connection())
        .expect("it answers");
    entry.expect("there is an entry")
}

#[track_caller]
fn assert_no_lock(store: &Store) {
    assert_eq!(
        store.at("fleet:k").cli(&["EXISTS", "fleet:~lock:{fleet:k}"]),
        "0",
        "the lock is left behind"
    );
}

#[test]
fn a_killed_holder_is_replaced_by_one_other() {
    a_killed_holder_is_replaced(&Store::with_scripts());
}

#[test]
fn a_killed_holder_is_replaced_by_one_other_without_scripts() {
    a_killed_holder_is_replaced(&Store::without_scripts());
}

#[test]
fn a_killed_holder_is_replaced_by_one_other_on_a_cluster() {
    a_killed_holder_is_replaced(&Store::cluster());
}

fn a_killed_holder_is_replaced(store: &Store) {
    let lease = Duration::from_secs(1);
    let (mut fleet, workers) = fleet("a killed holder", 4, &options(store, lease));
    fleet.call(workers[0], "k", TTL, 10);
    fleet.until("the holder loads", |fleet| fleet.held().len() == 1);
    for other in &workers[1..] {
        fleet.call(*other, "k", TTL, 10);
    }
    fleet.settle();

    fleet.kill(workers[0]);
    let replaced = fleet.until("another one loads", |fleet| !fleet.held().is_empty());
    println!("a killed holder was replaced after {replaced:.0?}, with a lease of {lease:?}");
    assert!(replaced < lease + NOTICED + noise(), "{replaced:?}");

    // For longer than a lease the others see that it is renewed.
    while fleet.next(lease * 3 / 2).is_some() {}
    fleet.settle();
    assert_eq!(fleet.held().len(), 1, "exactly one other");
    fleet.answer(0);
    fleet.until("the other callers are served", |fleet| fleet.is_idle());
    assert_eq!((fleet.counts().loads, fleet.counts().values), (2, 30));
    fleet.settle();
    assert_no_lock(store);
}

#[test]
fn a_holder_stopped_past_its_lease_stores_nothing() {
    a_stopped_holder_stores_nothing(&Store::with_scripts());
}

#[test]
fn a_holder_stopped_past_its_lease_stores_nothing_without_scripts() {
    a_stopped_holder_stores_nothing(&Store::without_scripts());
}

#[test]
fn a_holder_stopped_past_its_lease_stores_nothing_on_a_cluster() {
    a_stopped_holder_stores_nothing(&Store::cluster());
}

fn a_stopped_holder_stores_nothing(store: &Store) {
    let options = options(store, Duration::from_millis(500));
    let (mut fleet, workers) = fleet("a stopped holder", 2, &options);
    fleet.call(workers[0], "k", TTL, 5);
    fleet.until("the holder loads", |fleet| fleet.held().len() == 1);
    // The second load reads another version, so that the stored value tells which load it is from.
    fleet.change("k");
    fleet.call(workers[1], "k", TTL, 5);
    fleet.settle();

    fleet.stop(workers[0]);
    fleet.until("the other one loads", |fleet| fleet.held().len() == 2);
    let second = fleet.answer(1);
    fleet.until("the other callers are served", |fleet| fleet.counts().values == 5);
    let stored = entry(store);

    fleet.answer(0);
    fleet.resume(workers[0]);
    fleet.until("the holder's own callers are served", |fleet| fleet.is_idle());
    fleet.settle();
    assert_eq!(entry(store), stored, "the late store is refused");
    assert_no_lock(store);

    for worker in workers {
        fleet.call(worker, "k", TTL, 1);
        let row = loop {
            match fleet.next(Duration::from_secs(3)).and_then(|report| report.event) {
                Some(Event::Returned { outcome: Outcome::Value(row), .. }) => break row,
                other => assert!(other.is_some(), "it returns"),
            }
        };
        assert_eq!(row, second, "what the second one stored stays");
    }
    assert_eq!(fleet.counts().loads, 2);
}

#[test]
fn a_failing_load_runs_once_in_each_process() {
    a_failing_load_runs_once(&Store::with_scripts());
}

#[test]
fn a_failing_load_runs_once_in_each_process_without_scripts() {
    a_failing_load_runs_once(&Store::without_scripts());
}

#[test]
fn a_failing_load_runs_once_in_each_process_on_a_cluster() {
    a_failing_load_runs_once(&Store::cluster());
}

fn a_failing_load_runs_once(store: &Store) {
    const PROCESSES: u64 = 4;
    let (mut fleet, workers) = fleet("a failing load", 4, &options(store, NEVER));
    for worker in workers {
        fleet.call(worker, "k", TTL, 125);
    }
    fleet.until("one of them loads", |fleet| fleet.held().len() == 1);
    fleet.settle();
    assert_eq!(fleet.held().len(), 1, "one at a time");

    let took = fleet.until("all callers are told", |fleet| {
        while !fleet.held().is_empty() {
            fleet.refuse(0);
        }
        fleet.is_idle()
    });
    let loads = fleet.counts().loads;
    println!(
        "500 callers in 4 processes were told of a failure after {loads} loads and {took:.0?}"
    );
    assert!(loads <= PROCESSES, "{loads}");
    assert_eq!(fleet.counts().failures, 500);
    fleet.settle();
    assert_no_lock(store);
}

#[test]
fn a_cold_fleet_loads_every_key_once() {
    a_cold_fleet_loads_once(&Store::with_scripts());
}

#[test]
fn a_cold_fleet_loads_every_key_once_without_scripts() {
    a_cold_fleet_loads_once(&Store::without_scripts());
}

#[test]
fn a_cold_fleet_loads_every_key_once_on_a_cluster() {
    a_cold_fleet_loads_once(&Store::cluster());
}

fn a_cold_fleet_loads_once(store: &Store) {
    let (processes, tasks, keys) = if is_long() { (8, 50, 200) } else { (4, 20, 50) };
    assert_eq!(loads_of_a_cold_fleet(store, processes, tasks, keys), keys);
}

fn loads_of_a_cold_fleet(store: &Store, processes: usize, tasks: u64, keys: u64) -> u64 {
    let (mut fleet, workers) = fleet("a cold fleet", processes, &options(store, LONG));
    // The tasks of a process go from key to key, side by side.
    let mut ahead: Vec<(u64, u64)> = workers.into_iter().map(|worker| (worker, 0)).collect();
    let took = fleet.until("all callers are served", |fleet| {
        while !fleet.held().is_empty() {
            fleet.answer(0);
        }
        ahead.retain(|(worker, key)| *key < keys || fleet.is_busy(*worker));
        for (worker, key) in &mut ahead {
            if !fleet.is_busy(*worker) {
                fleet.call(*worker, &format!("k{key}"), TTL, tasks);
                *key += 1;
            }
        }
        ahead.is_empty()
    });
    let counts = fleet.counts();
    println!(
        "{processes} processes x {tasks} tasks x {keys} cold keys: {} loads in {took:.1?}",
        counts.loads
    );
    assert_eq!(counts.values, keys * tasks * u64::try_from(processes).expect("it is small"));
    counts.loads
}
