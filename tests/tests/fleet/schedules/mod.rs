//! Random schedules of a fleet: processes that call, detached or not, have deadlines, invalidate, are killed, stopped and
//! continued, while loads fail, panic and give what is not to be cached, and entries and locks are deleted, flushed and
//! evicted under them.
//!
//! Whatever happens, a call that was started after an `invalidate` had returned `Ok` is given nothing that was read
//! before it; every call of a process that lives returns; a panic goes on in the call that ran the load; and no lock
//! is left when all is over and the leases of the dead have run out.
//!
//! On a cluster the slot of a schedule's first key moves meanwhile, stage by stage.
//!
//! 40 schedules each way, with scripts, without, and on a cluster; 1,000 with `CACHEFENCE_LONG=1`; the one that failed with
//! `CACHEFENCE_SEED=n`.

mod plan;
mod run;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use cachefence_tests::{NO_SCRIPTS, RedisCluster, RedisServer, chosen_seed, is_long};

use crate::store::Store;

use run::{Servers, Tally, run};

/// How many schedules run beside each other: they mostly wait.
const LANES: usize = 4;

const EVICTS: [&str; 2] = ["--maxmemory-policy", "allkeys-random"];

#[test]
fn no_schedule_serves_what_was_read_before_an_invalidation() {
    run_all("with scripts", || Store::of(RedisServer::builder().args(EVICTS).start()));
}

#[test]
fn nor_does_one_where_scripts_are_refused() {
    run_all("without scripts", || {
        Store::of(RedisServer::builder().args(EVICTS).args(NO_SCRIPTS).start())
    });
}

#[test]
fn nor_does_one_on_a_cluster_whose_slots_move() {
    run_all("on a cluster", || {
        let cluster = RedisCluster::builder().replicas(0).each(|node| node.args(EVICTS));
        Store::Cluster(cluster.start())
    });
}

fn run_all(mode: &str, start: impl Fn() -> Store) {
    let servers = Servers { rough: start(), calm: start() };
    let seeds = match chosen_seed() {
        Some(seed) => seed..seed + 1,
        None if is_long() => 0..1_000,
        None => 0..40,
    };
    let begun = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let lane = || {
            let mut tallies = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return tallies;
                }
                // A lane that fails keeps the others from starting more.
                let stop = Stop { next: &next, end: seeds.end };
                tallies.push(run(&servers, mode, seed));
                std::mem::forget(stop);
            }
        };
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().flat_map(|lane| lane.join().expect("a schedule failed")).collect()
    });
    report(mode, &tallies, begun);
}

/// Dropped by a schedule that fails, it ends the run.
struct Stop<'a> {
    next: &'a AtomicU64,
    end: u64,
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.next.store(self.end, Ordering::Relaxed);
    }
}

fn report(mode: &str, tallies: &[Tally], begun: Instant) {
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let bounded = sum(|tally| tally.counts.bounded);
    println!(
        "{} schedules {mode} in {:.1?}: {} slots moved; {} calls, {} values, {bounded} of them after an invalidation; {} loads, {} of \
         them out of date when they were answered; {} invalidations, {} more with an error; {} failures, {} panics, {} \
         processes killed, {} stopped",
        tallies.len(),
        begun.elapsed(),
        sum(|tally| tally.moved),
        sum(|tally| tally.counts.calls),
        sum(|tally| tally.counts.values),
        sum(|tally| tally.counts.loads),
        sum(|tally| tally.counts.outdated),
        sum(|tally| tally.counts.invalidated),
        sum(|tally| tally.counts.uncertain),
        sum(|tally| tally.counts.failures),
        sum(|tally| tally.counts.panics),
        sum(|tally| tally.killed),
        sum(|tally| tally.stopped),
    );
    if tallies.len() > 1 {
        assert!(
            bounded > 0
                && sum(|tally| tally.counts.outdated) > 0
                && sum(|tally| tally.counts.panics) > 0,
            "the schedules show nothing"
        );
    }
}
