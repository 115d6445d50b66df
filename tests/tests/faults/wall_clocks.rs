//! What a worker takes for the time of day has no effect (G10).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cachefence_tests::fleet::{Fleet, Options};
use cachefence_tests::{DEADLINE, FakeClock, RedisServer};
use tempfile::TempDir;

const HOUR: i64 = 3_600;
const TTL: Duration = Duration::from_secs(600);
const KEYS: u64 = 25;

/// Clocks that are set by files.
struct Clocks {
    clocks: BTreeMap<&'static str, FakeClock>,
    /// Holds the files.
    _dir: TempDir,
}

impl Clocks {
    /// These, each so many seconds ahead of the true one.
    fn new<const N: usize>(ahead: [(&'static str, i64); N]) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let mut clocks = BTreeMap::new();
        for (name, seconds) in ahead {
            let clock = FakeClock::new(dir.path().join(name))?;
            clock.set(seconds);
            clocks.insert(name, clock);
        }
        Some(Self { clocks, _dir: dir })
    }

    fn set(&self, name: &str, ahead: i64) {
        self.clocks[name].set(ahead);
    }

    fn env(&self, name: &str) -> Vec<(String, String)> {
        self.clocks[name].env()
    }
}

/// By how many hours the clock of `worker` is ahead.
fn hours_ahead(fleet: &mut Fleet, worker: u64) -> i64 {
    let theirs = fleet.wall_clock(worker).as_secs_f64();
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    #[allow(clippy::cast_possible_truncation)] // hours
    let hours = ((theirs - ours) / 3_600.0).round() as i64;
    hours
}

/// Has each worker call for each key, and answers the loads. Returns how many there were.
fn calls(fleet: &mut Fleet, workers: &[u64], ttl: Duration) -> u64 {
    let before = fleet.counts().loads;
    for key in 0..KEYS {
        for worker in workers {
            fleet.call(*worker, &format!("k{key}"), ttl, 2);
        }
    }
    fleet.until("the calls are served", Fleet::answer_all);
    fleet.counts().loads - before
}

#[test]
fn workers_an_hour_apart_share_their_entries() {
    let ahead = [("behind", -HOUR), ("right", 0), ("ahead", HOUR)];
    let Some(clocks) = Clocks::new(ahead) else { return };
    let server = RedisServer::start();
    let options = Options {
        url: server.url(),
        namespace: "clocks".to_owned(),
        op_timeout: DEADLINE,
        ..Options::default()
    };
    let mut fleet = Fleet::new(env!("CARGO_BIN_EXE_worker"), "wrong clocks");
    let workers = ahead.map(|(name, _)| fleet.spawn_with(1, &options, &clocks.env(name)));
    fleet.connected();
    assert_eq!(workers.map(|worker| hours_ahead(&mut fleet, worker)), [-1, 0, 1], "they are set");

    // An entry that any one of them stores is valid for all of them.
    for first in workers {
        server.cli(&["FLUSHALL"]);
        assert_eq!(calls(&mut fleet, &[first], TTL), KEYS);
        assert_eq!(calls(&mut fleet, &workers, TTL), 0, "stored by worker {first}");
    }
    server.cli(&["FLUSHALL"]);
    assert_eq!(calls(&mut fleet, &workers, TTL), KEYS, "together, and one load for each key");
    assert_eq!(calls(&mut fleet, &workers, TTL), 0);

    // Clocks that are set while the process runs.
    clocks.set("right", HOUR);
    clocks.set("ahead", -HOUR);
    assert_eq!(workers.map(|worker| hours_ahead(&mut fleet, worker)), [-1, 1, -1], "they are set");
    assert_eq!(calls(&mut fleet, &workers, TTL), 0, "after the clocks were set");
}

#[test]
fn an_entry_ends_at_its_time_for_workers_an_hour_apart() {
    let ahead = [("behind", -HOUR), ("ahead", HOUR)];
    let Some(clocks) = Clocks::new(ahead) else { return };
    let server = RedisServer::start();
    let options = Options {
        url: server.url(),
        namespace: "clocks".to_owned(),
        op_timeout: DEADLINE,
        beta: 0.0,
        // Kept by the server for longer, so that it is the workers who judge.
        stale_if_error: Duration::from_secs(60),
        ..Options::default()
    };
    let mut fleet = Fleet::new(env!("CARGO_BIN_EXE_worker"), "wrong clocks");
    let workers = ahead.map(|(name, _)| fleet.spawn_with(1, &options, &clocks.env(name)));
    fleet.connected();
    let ttl = Duration::from_millis(1_500);
    for [first, second] in [workers, [workers[1], workers[0]]] {
        server.cli(&["FLUSHALL"]);
        let stored = std::time::Instant::now();
        assert_eq!(calls(&mut fleet, &[first], ttl), KEYS);
        let early = calls(&mut fleet, &[second], ttl);
        if stored.elapsed() < ttl {
            assert_eq!(early, 0, "worker {second} takes none for expired");
        }
        let mut loads = early;
        while loads < KEYS && stored.elapsed() < ttl * 8 {
            loads += calls(&mut fleet, &[second], ttl);
        }
        assert!(loads >= KEYS, "worker {second} takes none for valid after its ttl");
        assert!(stored.elapsed() >= ttl);
    }
}
