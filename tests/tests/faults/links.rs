//! Connections that go silent while their server is well: nobody is told, so it shows by operations that are not
//! answered. Then all the connections of that runtime are replaced, and those of other runtimes are left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use cachefence::store::Health;
use cachefence::{CacheFence, Event};
use cachefence_tests::{DEADLINE, Fault, NO_SCRIPTS, Proxy, RedisServer};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::callers::{Callers, KEYS, OP_TIMEOUT};

/// How many operations in a row have to be without an answer before the connections are replaced.
const TIMEOUTS: u64 = 2;

fn cache(url: &str) -> CacheFence {
    CacheFence::builder().redis(url).op_timeout(OP_TIMEOUT).beta(0.0).build_lazy().unwrap()
}

/// The breaker of a runtime that has ended says nothing of the next outage.
#[test]
fn an_outage_after_one_whose_runtime_has_ended_is_told() {
    let mut server = RedisServer::start();
    let downs = Arc::new(AtomicU64::new(0));
    let tell = Arc::clone(&downs);
    let builder = CacheFence::builder().redis(server.url()).op_timeout(OP_TIMEOUT);
    let builder = builder.observe(move |event: &Event<'_>| {
        if matches!(event, Event::StoreDown { .. }) {
            tell.fetch_add(1, Ordering::SeqCst);
        }
    });
    let cache = builder.build_lazy().unwrap();
    let entry = cache.entry::<u64>("k");
    for outage in 1..=2 {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            entry.peek().await.expect("the server is there");
            server.kill();
            while cache.status().health != Health::Down {
                entry.peek().await.expect_err("nobody answers");
            }
        });
        drop(runtime);
        server.restart();
        assert_eq!(downs.load(Ordering::SeqCst), outage);
        assert_eq!(cache.status().health, Health::Up, "no runtime has a breaker");
    }
}

/// Calls of one runtime for keys of its own.
struct Own {
    runtime: Runtime,
    callers: Callers,
    /// Tells its keys from those of the others.
    number: u64,
}

impl Own {
    fn four(cache: &CacheFence) -> [Self; 4] {
        [0, 1, 2, 3].map(|number| Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            callers: Callers::of(cache.clone()),
            number,
        })
    }

    /// Calls for each of its keys, one after another; how many bodies that took.
    async fn calls(&self) -> u64 {
        let before = self.callers.bodies();
        for id in 0..KEYS {
            self.callers.call(id % 2 == 0, self.number * KEYS + id).await;
        }
        self.callers.bodies() - before
    }
}

/// What `calls` returns of each of the runtimes, each on a thread of its own.
fn at_once<const N: usize>(
    runtimes: &[Own; N],
    calls: impl AsyncFn(&Own) -> u64 + Copy + Send + Sync,
) -> [u64; N] {
    thread::scope(|scope| {
        let threads =
            runtimes.each_ref().map(|own| scope.spawn(move || own.runtime.block_on(calls(own))));
        threads.map(|thread| thread.join().unwrap())
    })
}

#[test]
fn one_runtime_of_four() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = cache(&proxy.url());
    let runtimes = Own::four(&cache);
    // All entries are there, and only the first runtime has connections, which then go silent.
    let first = &runtimes[0];
    first.runtime.block_on(async {
        for own in &runtimes {
            own.calls().await;
            first.callers.cache.invalidate("other").await.unwrap();
        }
    });
    proxy.silence_existing();
    let [first, others @ ..] = at_once(&runtimes, Own::calls);
    assert_eq!(others, [0; 3], "the other runtimes have hits only");
    assert!((1..=TIMEOUTS).contains(&first), "{first} bodies before its connections are replaced");
    assert_eq!(at_once(&runtimes, Own::calls), [0; 4], "all have hits");
    assert_eq!(cache.status().health, Health::Up);
}

#[test]
fn four_runtimes_are_healed_by_one_of_them() {
    let mut server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = cache(&proxy.url());
    let runtimes = Own::four(&cache);
    at_once(&runtimes, Own::calls);
    assert_eq!(at_once(&runtimes, Own::calls), [0; 4]);
    server.kill();
    for _ in 0..5 {
        at_once(&runtimes, Own::calls);
    }
    assert_eq!(cache.status().health, Health::Down);
    server.restart();
    // The others stand still meanwhile.
    runtimes[0].runtime.block_on(async {
        runtimes[0].callers.heals("one of four runtimes").await;
        for own in &runtimes {
            own.calls().await;
        }
    });
    assert_eq!(at_once(&runtimes, Own::calls), [0; 4], "all have hits");
}

/// Those of the others were made while nothing came back, and stay silent. No other runtime has to probe.
#[test]
fn four_runtimes_after_a_black_hole() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = cache(&proxy.url());
    let runtimes = Own::four(&cache);
    at_once(&runtimes, Own::calls);
    proxy.set(Fault::BlackHole);
    for _ in 0..2 {
        at_once(&runtimes, Own::calls);
    }
    assert_eq!(cache.status().health, Health::Down);
    proxy.silence_existing();
    proxy.set(Fault::None);
    let first = &runtimes[0];
    first.runtime.block_on(first.callers.heals("one of four runtimes"));
    let bodies = at_once(&runtimes, Own::calls);
    assert_eq!(bodies[0], 0, "the one that has probed has hits");
    assert!(bodies.iter().all(|bodies| *bodies <= TIMEOUTS), "{bodies:?}");
    assert_eq!(at_once(&runtimes, Own::calls), [0; 4], "all have hits");
}

/// As a NAT does that forgets the flows of a machine: what is asked on those goes nowhere, and new ones are let through.
#[tokio::test]
async fn all_connections_of_a_process() {
    for args in [&[][..], &NO_SCRIPTS] {
        let server = RedisServer::builder().args(args.iter().copied()).start();
        let proxy = Proxy::start(server.port());
        let callers = Callers::of(cache(&proxy.url()));
        callers.warm().await;
        proxy.silence_existing();
        let mut waited = 0;
        // While a probe is under way, calls run their bodies and wait for nothing.
        let hits = async {
            loop {
                let before = callers.bodies();
                let timings = callers.calls(1).await;
                let bodies = callers.bodies() - before;
                println!("a NAT that forgets: {timings}, {bodies} bodies");
                if bodies == 0 {
                    break;
                }
                waited += u64::from(timings.longest() >= OP_TIMEOUT / 2);
            }
        };
        timeout(DEADLINE, hits).await.expect("there are hits again");
        assert!((1..=TIMEOUTS).contains(&waited), "{waited} waves of callers waited in vain");
    }
}

#[tokio::test]
async fn invalidations_on_silent_connections() {
    for args in [&[][..], &NO_SCRIPTS] {
        let server = RedisServer::builder().args(args.iter().copied()).start();
        let proxy = Proxy::start(server.port());
        let callers = Callers::of(cache(&proxy.url()));
        callers.warm().await;
        callers.cache.invalidate("other").await.unwrap();
        proxy.silence_existing();
        let mut errors = 0;
        for _ in 0..5 {
            errors += u64::from(callers.cache.invalidate("row:0").await.is_err());
        }
        assert!((1..=TIMEOUTS).contains(&errors), "{errors} of 5 invalidations failed");
        callers.warm().await;
    }
}
