//! What an outage means for a fleet: it does not stampede when the store is back, nor when the database is gone.

use std::time::{Duration, Instant};

use cachefence_tests::fleet::{Event, Fleet, Options, Outcome};
use cachefence_tests::{DEADLINE, Fault, Proxy, RedisServer, assert_no_locks};

use super::callers::Callers;

const TTL: Duration = Duration::from_secs(600);

fn options(server: &RedisServer) -> Options {
    Options {
        url: server.url(),
        namespace: "fleet".to_owned(),
        // However busy the machine, no worker takes a server for dead that is there.
        op_timeout: DEADLINE,
        // No lease ends by itself, and nobody waits that long.
        lock_timeout: Duration::from_secs(60),
        wait_for_lock: Duration::from_secs(60),
        ..Options::default()
    }
}

fn fleet(title: &str, count: usize, options: &Options) -> (Fleet, Vec<u64>) {
    Fleet::start(env!("CARGO_BIN_EXE_worker"), title, count, options)
}

#[test]
fn a_store_that_comes_back_empty_is_filled_by_one_load_per_key() {
    const WORKERS: usize = 8;
    const CALLERS: u64 = 50;
    const KEYS: u64 = 20;
    let mut server = RedisServer::start();
    let (mut fleet, workers) = fleet("an outage", WORKERS, &options(&server));
    let call_all = |fleet: &mut Fleet, callers: u64| {
        let before = fleet.counts().loads;
        for key in 0..KEYS {
            for worker in &workers {
                fleet.call(*worker, &format!("k{key}"), TTL, callers);
            }
        }
        before
    };
    let before = call_all(&mut fleet, 1);
    fleet.until("the cache is filled", Fleet::answer_all);
    assert_eq!(fleet.counts().loads - before, KEYS);

    server.kill();
    let before = call_all(&mut fleet, 4);
    let each = KEYS * WORKERS as u64;
    fleet.until("every process loads every key", |fleet| fleet.held().len() as u64 == each);
    fleet.settle();
    fleet.until("all are served without it", Fleet::answer_all);
    let loads = fleet.counts().loads - before;
    println!(
        "Redis down: {loads} bodies for {} calls of {KEYS} keys in {WORKERS} processes",
        4 * each
    );
    // Callers that came while a body ran share the next one, so there are up to two for each key and process.
    assert!((each..=2 * each).contains(&loads), "{loads} bodies");

    server.restart();
    for worker in &workers {
        // Until it has found the server again.
        loop {
            let before = fleet.counts().loads;
            fleet.call(*worker, &format!("probe-{worker}"), TTL, 1);
            fleet.until("it is served", Fleet::answer_all);
            if fleet.counts().loads == before {
                break;
            }
        }
    }
    let before = call_all(&mut fleet, CALLERS);
    fleet.until("every key is being loaded", |fleet| fleet.held().len() as u64 == KEYS);
    fleet.settle();
    fleet.until("all are served", Fleet::answer_all);
    assert_eq!(fleet.counts().loads - before, KEYS, "one load per key");
    assert_no_locks(&server);
}

#[tokio::test]
async fn a_process_asks_for_its_store_at_irregular_times() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let callers = Callers::new(&proxy.url());
    proxy.set(Fault::Reset);
    callers.calls(1).await;
    let (began, before) = (Instant::now(), proxy.connections());
    while proxy.connections() < before + 20 {
        callers.call(true, 0).await;
    }
    let took = began.elapsed();
    let probes = proxy.accepted().split_off(before);
    let pauses: Vec<_> = probes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    println!("pauses between two probes: {pauses:.0?}");
    let shortest = pauses.iter().min().unwrap();
    // A pause is 100 ms, less up to a half.
    assert!(*shortest < Duration::from_millis(85), "{pauses:?}");
    assert!(took >= 19 * Duration::from_millis(45), "never more than 20 a second: {pauses:?}");
}

#[test]
fn a_database_that_fails_is_tried_once_per_pause_by_the_whole_fleet() {
    const RETRY_AFTER: Duration = Duration::from_millis(500);
    const TRIES: u32 = 4;
    let server = RedisServer::start();
    let options = Options {
        beta: 0.0,
        stale_if_error: Duration::from_secs(600),
        retry_after: RETRY_AFTER,
        ..options(&server)
    };
    let (mut fleet, workers) = fleet("a database that fails", 4, &options);
    let ttl = Duration::from_millis(1);
    fleet.call(workers[0], "k", ttl, 1);
    fleet.until("there is a value", Fleet::answer_all);
    // No entry younger than this is left by now.
    let filled = Instant::now();
    while filled.elapsed() < ttl * 2 {
        fleet.settle();
    }

    let (before, began) = (fleet.counts(), Instant::now());
    while began.elapsed() < RETRY_AFTER * TRIES {
        for worker in &workers {
            fleet.call(*worker, "k", ttl, 10);
        }
        fleet.until("all are served", |fleet| {
            while !fleet.held().is_empty() {
                fleet.refuse(0);
            }
            fleet.is_idle()
        });
    }
    let periods = began.elapsed().as_secs_f64() / RETRY_AFTER.as_secs_f64();
    let counts = fleet.counts();
    let [tries, values, calls] =
        [counts.loads - before.loads, counts.values - before.values, counts.calls - before.calls];
    println!(
        "stale_if_error: {calls} calls in 4 processes, {values} served, {tries} tries in {periods:.1} pauses"
    );
    assert!(calls >= 200);
    assert_eq!((values, counts.failures), (calls, 0), "all are served the stale value");
    #[allow(clippy::cast_precision_loss)] // a few
    let tries = tries as f64;
    assert!(tries >= 1.0 && tries <= periods + 1.0, "{tries} tries in {periods:.1} pauses");

    // And when it is well again, the next try is stored.
    fleet.change("k");
    let well = Instant::now();
    loop {
        fleet.call(workers[0], "k", Duration::from_secs(600), 1);
        let mut newest = 0;
        while !fleet.is_idle() {
            while !fleet.held().is_empty() {
                fleet.answer(0);
            }
            let event = fleet.next(Duration::from_secs(10)).and_then(|report| report.event);
            if let Some(Event::Returned { outcome: Outcome::Value(row), .. }) = event {
                newest = row.version;
            }
        }
        if newest == 1 {
            break;
        }
        assert!(well.elapsed() < RETRY_AFTER * 20, "it is tried again");
    }
}
