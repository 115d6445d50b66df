//! The server's wall clock is set while it runs: it is noticed within a second (G10), and no lock lasts longer for it.

use std::io;
use std::time::Duration;

use cachefence::Entry;
use cachefence_tests::fleet::{Fleet, Options};
use cachefence_tests::{DEADLINE, Loads, RedisServer, assert_no_locks};
use tokio::time::sleep;

const HOUR: i64 = 3_600;
const TTL: Duration = Duration::from_secs(600);

/// A second, after which the server is asked for its time by the next read, and how late a timer may be.
const SECOND: Duration = Duration::from_millis(1_100);

/// Has each worker call for each of `keys`, and answers the loads. Returns how many there were.
fn calls(fleet: &mut Fleet, workers: &[u64], keys: &[&str]) -> u64 {
    let before = fleet.counts().loads;
    for key in keys {
        for worker in workers {
            fleet.call(*worker, key, TTL, 2);
        }
    }
    fleet.until("the calls are served", Fleet::answer_all);
    fleet.counts().loads - before
}

#[test]
fn a_clock_that_goes_back_an_hour() {
    const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];
    const HELD: [&str; 3] = ["x", "y", "z"];
    let Some(server) = RedisServer::builder().faketime() else { return };
    let server = server.start();
    let options = Options {
        url: server.url(),
        namespace: "clocks".to_owned(),
        op_timeout: DEADLINE,
        beta: 0.0,
        // Longer than the fleet waits for anything, so what is waited for is the term of a lock (2 s).
        wait_for_lock: 10 * DEADLINE,
        ..Options::default()
    };
    let worker = env!("CARGO_BIN_EXE_worker");
    let (mut fleet, workers) = Fleet::start(worker, "the server's clock goes back", 3, &options);
    let [dies, others @ ..] = &workers[..] else { unreachable!("there are three") };
    assert_eq!(calls(&mut fleet, &workers, &KEYS), 5, "the cache is filled");
    for key in HELD {
        fleet.call(*dies, key, TTL, 1);
    }
    fleet.until("all locks are held", |fleet| fleet.held().len() == HELD.len());
    fleet.kill(*dies);
    server.set_clock(-HOUR);

    assert_eq!(calls(&mut fleet, others, &HELD), 3, "the locks of the dead last their term");

    // The second within which the step is noticed.
    std::thread::sleep(SECOND);
    for worker in others {
        calls(&mut fleet, &[*worker], &["noticed"]);
    }
    assert_eq!(calls(&mut fleet, others, &KEYS), 5, "one load for each key");
    assert_eq!(calls(&mut fleet, others, &KEYS), 0, "all are hits");
    assert_no_locks(&server);
}

#[tokio::test]
async fn a_clock_that_steps_past_the_ttl_and_into_the_stale_window() {
    let Some(server) = RedisServer::builder().faketime() else { return };
    let server = server.start();
    let cache = server.cache_builder().beta(0.0).build().await.unwrap();
    let loads = Loads::default();
    let call = async || {
        let entry: Entry<usize> = cache.entry("k").ttl(TTL);
        let entry = entry.stale_while_revalidate(Duration::from_secs(7_200));
        entry.get_or_set(async || io::Result::Ok(loads.begin().number)).await.unwrap()
    };
    // However often the time was as expected before.
    for _ in 0..3 {
        assert_eq!(call().await, 1);
        sleep(SECOND).await;
    }
    server.set_clock(HOUR);
    sleep(SECOND).await;
    assert_eq!(call().await, 2, "the value counts as stale at once");
    assert_eq!(call().await, 2, "the new value is valid");
    assert_eq!(loads.count(), 2);
}
