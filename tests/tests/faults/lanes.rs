//! Reads and writes go over connections of their own, so that what holds up the one does not hold up the other.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cachefence::store::Health;
use cachefence::{CacheFence, Event, MessagePack};
use cachefence_tests::{DEADLINE, Fault, NO_SCRIPTS, Proxy, RedisServer};
use serde_bytes::ByteBuf;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::callers::{Callers, KEYS, OP_TIMEOUT, TTL, all};

/// As a server does while it hands over to its replica.
#[tokio::test]
async fn hits_go_on_while_writes_are_paused() {
    for args in [&[][..], &NO_SCRIPTS] {
        let server = RedisServer::builder().args(args.iter().copied()).start();
        let callers = Callers::new(&server.url());
        callers.warm().await;
        server.cli(&["CLIENT", "PAUSE", "600000", "WRITE"]);
        let hits = async |what: &str| {
            let before = callers.bodies();
            println!("paused writes, {what}: hits: {}", callers.calls(6).await);
            assert_eq!(callers.bodies(), before, "{what}: what is cached is served from the cache");
        };
        let mut cold = 1_000..;
        let one_cold = callers.call(true, cold.next().unwrap());
        let many = all((0..200).map(|id| callers.call(id % 2 == 0, id % KEYS)));
        let before = callers.bodies();
        tokio::join!(one_cold, many);
        assert_eq!(callers.bodies(), before + 1, "the cold call alone runs its body");
        hits("one write is held up").await;

        let mut tries = 0;
        while callers.cache.status().writes {
            tries += 1;
            assert!(tries <= 10, "writes are paused, which the status does not say");
            let began = Instant::now();
            callers.call(true, cold.next().unwrap()).await;
            println!("paused writes: a cold call took {:.0?}", began.elapsed());
        }
        assert_eq!(callers.cache.status().health, Health::Degraded, "reads go on");
        hits("writes are left alone").await;
        let error = callers.cache.invalidate("row:0").await.unwrap_err().to_string();
        assert!(error.contains("writ"), "{error}");

        server.cli(&["CLIENT", "UNPAUSE"]);
        let began = Instant::now();
        let stores = async {
            let id = cold.next().unwrap();
            loop {
                callers.call(true, id).await;
                let before = callers.bodies();
                callers.call(false, id).await;
                if callers.bodies() == before {
                    break;
                }
                hits("writes are possible again").await;
            }
        };
        timeout(DEADLINE, stores).await.expect("values are stored again");
        println!("paused writes: a value is stored {:.0?} after it ended", began.elapsed());
        callers.cache.invalidate("row:0").await.unwrap();
        assert!(callers.cache.status().writes);
    }
}

#[tokio::test]
async fn a_large_value_is_served_while_writes_are_paused() {
    let server = RedisServer::start();
    let mixed = Mixed::new(&server.url());
    mixed.fill().await;
    assert_eq!(mixed.large().await, 0);
    server.cli(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    let status = || mixed.callers.cache.status();
    let mut cold = 1_000..;
    while status().writes {
        // A paused write holds up what comes after it on its connection.
        tokio::join!(mixed.callers.call(true, cold.next().unwrap()), mixed.large());
        assert!(cold.start <= 1_010, "writes are paused, which the status does not say");
    }
    assert_eq!(status().health, Health::Degraded, "reads go on");
    for _ in 0..10 {
        assert_eq!(mixed.large().await, 0, "what is cached is served from the cache");
    }
}

/// Each reply is late, and in time: the server is slow, and not in trouble.
#[tokio::test]
async fn hits_on_a_slow_network() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    // A reply takes 180 of 250 parts of it, which are the milliseconds of the default.
    let builder = CacheFence::builder().redis(proxy.url()).op_timeout(LONG).beta(0.0);
    let callers = Callers::of(builder.build_lazy().unwrap());
    callers.warm().await;
    proxy.set(Fault::Delay(LONG * 180 / 250));
    let before = callers.bodies();
    println!("replies that take 180 of 250 parts of the limit: {}", callers.calls(1).await);
    assert_eq!(callers.bodies(), before, "all are hits");
    assert_eq!(callers.cache.status().health, Health::Up);
}

/// Many values of a few kilobytes are no large one, however late they come.
#[tokio::test]
async fn many_values_on_a_slow_network() {
    const VALUES: u64 = 100;
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let builder = CacheFence::builder().redis(proxy.url()).op_timeout(LONG).beta(0.0);
    let cache = builder.build_lazy().unwrap();
    let bodies = AtomicU64::new(0);
    let call = async |id: u64| {
        let body = async || {
            bodies.fetch_add(1, Ordering::SeqCst);
            io::Result::Ok("x".repeat(3_000))
        };
        cache.get_or_set(format!("k{id}"), TTL, body).await.unwrap();
    };
    all((0..VALUES).map(call)).await;
    assert_eq!(bodies.load(Ordering::SeqCst), VALUES);
    let connections = proxy.connections();
    proxy.set(Fault::Delay(LONG * 3 / 5));
    for _ in 0..2 {
        all((0..VALUES).map(call)).await;
    }
    assert_eq!(bodies.load(Ordering::SeqCst), VALUES, "all are hits");
    assert_eq!(proxy.connections(), connections, "none is replaced");
}

/// The breaker of writes opens and closes, and both are told.
#[tokio::test]
async fn the_end_of_paused_writes_is_told() {
    let server = RedisServer::start();
    let (degraded, restored) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let told = [Arc::clone(&degraded), Arc::clone(&restored)];
    let builder = CacheFence::builder().redis(server.url()).op_timeout(OP_TIMEOUT);
    let builder = builder.observe(move |event: &Event<'_>| {
        match event {
            Event::StoreDegraded { .. } => told[0].fetch_add(1, Ordering::SeqCst),
            Event::StoreRestored { .. } => told[1].fetch_add(1, Ordering::SeqCst),
            _ => 0,
        };
    });
    let cache = builder.build().await.unwrap();
    server.cli(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    while cache.status().writes {
        cache.invalidate("k").await.unwrap_err();
    }
    assert_eq!(degraded.load(Ordering::SeqCst), 1);
    server.cli(&["CLIENT", "UNPAUSE"]);
    let taken = async {
        while cache.invalidate("k").await.is_err() {
            yield_now().await;
        }
    };
    timeout(DEADLINE, taken).await.expect("writes are taken again");
    assert!(cache.status().writes);
    assert_eq!((degraded.load(Ordering::SeqCst), restored.load(Ordering::SeqCst)), (1, 1));
}

/// A cache can be built meanwhile. It is not asked to write once more after a write that was not answered.
#[tokio::test]
async fn a_cache_is_built_while_writes_are_paused() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    server.cli(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    let cache = CacheFence::builder().redis(proxy.url()).build().await.unwrap();
    let status = cache.status();
    assert_eq!((status.health, status.writes), (Health::Degraded, false));
    let commands = proxy.commands();
    assert_eq!((commands.get("DEL"), commands.get("EVALSHA")), (Some(&1), None), "{commands:?}");
}

/// The key of the large value, and its size in bytes.
const LARGE: (&str, usize) = ("large", 40 << 20);

/// How long an operation may take: long enough for small values on a busy machine.
const LIMIT: Duration = Duration::from_secs(1);

/// How long it may take where a reply takes most of it: what is left is enough for a busy machine.
const LONG: Duration = Duration::from_secs(4);

/// How many bytes a second come over a narrow network: the large value takes as long as two operations may.
const NARROW: u32 = 20 << 20;

/// A cache with one large value and some small ones.
struct Mixed {
    callers: Callers,
    bodies: AtomicU64,
}

impl Mixed {
    fn new(url: &str) -> Self {
        // A codec that takes bytes as they are, so that no time goes into making text of them.
        let builder = CacheFence::builder().redis(url).op_timeout(LIMIT).beta(0.0);
        let cache = builder.codec(MessagePack).build_lazy().unwrap();
        Self { callers: Callers::of(cache), bodies: AtomicU64::new(0) }
    }

    /// Calls for the large value; how many bodies that took.
    async fn large(&self) -> u64 {
        let before = self.bodies.load(Ordering::SeqCst);
        let body = async || {
            self.bodies.fetch_add(1, Ordering::SeqCst);
            io::Result::Ok(ByteBuf::from(vec![7; LARGE.1]))
        };
        let value = self.callers.cache.get_or_set(LARGE.0, TTL, body).await.unwrap();
        assert_eq!(value.len(), LARGE.1);
        self.bodies.load(Ordering::SeqCst) - before
    }

    /// Stores all values.
    async fn fill(&self) {
        self.callers.warm().await;
        let stored = async { while self.large().await > 0 {} };
        timeout(DEADLINE, stored).await.expect("the large value is stored");
    }

    /// Calls for the small values while several callers read the large one, again and again; how many bodies of small ones
    /// that took.
    async fn beside_readers_of_the_large_one(&self) -> u64 {
        const ROUNDS: usize = 3;
        let before = self.callers.bodies();
        let readers = all((0..3).map(|_| async {
            for _ in 0..ROUNDS {
                self.large().await;
            }
        }));
        let mut readers = std::pin::pin!(readers);
        loop {
            tokio::select! {
                _ = &mut readers => break,
                _ = self.callers.calls(1) => {}
            }
        }
        assert_eq!(self.callers.cache.status().health, Health::Up, "the server is well");
        self.callers.bodies() - before
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_values_beside_a_large_one_that_this_process_has_stored() {
    for bandwidth in [Fault::None, Fault::Bandwidth(NARROW)] {
        let server = RedisServer::start();
        let proxy = Proxy::start(server.port());
        let mixed = Mixed::new(&proxy.url());
        mixed.fill().await;
        proxy.set(bandwidth);
        let bodies = mixed.beside_readers_of_the_large_one().await;
        assert_eq!(bodies, 0, "{bandwidth:?}: small values are served from the cache");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_values_beside_a_large_one_that_is_met_first() {
    for bandwidth in [Fault::None, Fault::Bandwidth(NARROW)] {
        let server = RedisServer::start();
        let proxy = Proxy::start(server.port());
        Mixed::new(&server.url()).fill().await;
        let mixed = Mixed::new(&proxy.url());
        mixed.callers.warm().await;
        proxy.set(bandwidth);
        // Nobody knows yet that it is large: small values may have to wait for it, this once.
        tokio::join!(mixed.large(), mixed.callers.calls(1));
        assert_eq!(mixed.callers.cache.status().health, Health::Up, "the server is well");
        mixed.callers.until_a_hit().await;
        let bodies = mixed.beside_readers_of_the_large_one().await;
        assert_eq!(bodies, 0, "{bandwidth:?}: small values are served from the cache");
    }
}
