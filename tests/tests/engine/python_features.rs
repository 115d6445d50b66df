//! Every feature of the Python package `cachefence` 0.1.0, on a real Redis.

#![allow(clippy::unused_async)] // recomputes are async, also those that await nothing

use std::error::Error as _;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use cachefence::{BoxError, CacheFence, Codec, Error, blocking};
use cachefence_tests::{Loads, RedisServer, assert_no_locks};
use serde::Serialize;
use serde::de::DeserializeSeed;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const TTL: Duration = Duration::from_secs(60);

/// Draws every reader to refresh, whatever it draws.
const ALWAYS_EARLY: f64 = 1e15;

type Loaded = Result<String, std::io::Error>;

async fn connect(server: &RedisServer) -> CacheFence {
    server.cache().await
}

/// A recompute that counts itself.
#[derive(Clone, Default)]
struct Loader(Loads);

impl Loader {
    async fn load(&self, value: &str) -> Loaded {
        let _running = self.0.begin();
        Ok(value.to_owned())
    }

    fn loads(&self) -> usize {
        self.0.count()
    }
}

#[tokio::test]
async fn hit() {
    let server = RedisServer::start();
    let cache = connect(&server).await;
    let loader = Loader::default();
    for expected in ["first", "first"] {
        let value = cache.get_or_set("k", TTL, || loader.load("first")).await.unwrap();
        assert_eq!(value, expected);
    }
    server.reset_stats();
    cache.get_or_set("k", TTL, || loader.load("second")).await.unwrap();
    assert_eq!(loader.loads(), 1);
    assert_eq!(server.command_stats().into_iter().collect::<Vec<_>>(), [("get".to_owned(), 1)]);
}

#[tokio::test]
async fn hard_miss() {
    let server = RedisServer::start();
    let cache = connect(&server).await;
    let loader = Loader::default();
    server.reset_stats();
    let value = cache.get_or_set("k", TTL, || loader.load("value")).await.unwrap();
    assert_eq!((value.as_str(), loader.loads()), ("value", 1));
    assert_eq!(server.scan_keys(), ["k"]);
    // Three round trips: the read, the lock, the store with the release.
    assert_eq!(server.command_count("evalsha"), 2);
    let pttl: u64 = server.cli(&["PTTL", "k"]).parse().unwrap();
    assert!((1..=60_000).contains(&pttl));
}

#[tokio::test]
async fn early_refresh_by_one_while_the_others_keep_the_value() {
    let server = RedisServer::start();
    let (ours, theirs) = (connect(&server).await, connect(&server).await);
    let loader = Loader::default();
    let slow = async {
        tokio::time::sleep(Duration::from_millis(5)).await; // a delta to draw with
        loader.load("old").await
    };
    ours.get_or_set("k", TTL, || slow).await.unwrap();

    let (started, go_on) = (Notify::new(), Notify::new());
    let refresh = ours.entry("k").ttl(TTL).beta(ALWAYS_EARLY).get_or_set(|| async {
        started.notify_one();
        go_on.notified().await;
        loader.load("new").await
    });
    let others = async {
        started.notified().await;
        // Drawn to refresh as well, in this process and in another: the one who does has the lock.
        for cache in [&ours, &theirs, &ours, &theirs] {
            let entry = cache.entry("k").ttl(TTL).beta(ALWAYS_EARLY);
            let value = entry.get_or_set(|| loader.load("another")).await.unwrap();
            assert_eq!(value, "old");
        }
        go_on.notify_one();
    };
    let (refreshed, ()) = tokio::join!(refresh, others);
    assert_eq!(refreshed.unwrap(), "new");
    assert_eq!(loader.loads(), 2);
    for cache in [&ours, &theirs] {
        let value = cache.entry("k").ttl(TTL).beta(0.0).get_or_set(|| loader.load("third")).await;
        assert_eq!(value.unwrap(), "new");
    }
    assert_no_locks(&server);
}

#[tokio::test]
async fn sync_and_async_recompute() {
    let server = RedisServer::start();
    let cache = connect(&server).await;
    let at_once = || Ok::<_, std::io::Error>(1);
    assert_eq!(cache.get_or_set("sync", TTL, || async { at_once() }).await.unwrap(), 1);
    assert_eq!(cache.get_or_set("blocking", TTL, || blocking(at_once)).await.unwrap(), 1);
    let later = || async {
        tokio::task::yield_now().await;
        Ok::<_, std::io::Error>(2)
    };
    assert_eq!(cache.get_or_set("async", TTL, later).await.unwrap(), 2);
}

#[tokio::test]
async fn beta_per_call() {
    let server = RedisServer::start();
    let cache = server.cache_builder().beta(0.0).build().await.unwrap();
    let loader = Loader::default();
    let slow = |value| {
        let loader = loader.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            loader.load(value).await
        }
    };
    cache.get_or_set("k", TTL, || slow("old")).await.unwrap();
    for _ in 0..100 {
        cache.get_or_set("k", TTL, || slow("never")).await.unwrap();
    }
    assert_eq!(loader.loads(), 1, "with a beta of 0 nothing is refreshed early");
    let eager = cache.entry("k").ttl(TTL).beta(ALWAYS_EARLY);
    assert_eq!(eager.get_or_set(|| slow("new")).await.unwrap(), "new");
    assert_eq!(loader.loads(), 2);
}

#[tokio::test]
async fn lock_with_owner_token() {
    let server = RedisServer::start();
    let cache = connect(&server).await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let lock = cache.get_or_set("k", TTL, || async {
            let pttl: u64 = server.cli(&["PTTL", "~lock:{k}"]).parse().unwrap();
            assert!((1..=2_000).contains(&pttl), "it ends by itself");
            Ok::<_, std::io::Error>(server.cli(&["GET", "~lock:{k}"]))
        });
        tokens.push(lock.await.unwrap());
        cache.invalidate("k").await.unwrap();
    }
    let is_token = |held: &String| held.len() == 36 + ":2000".len() && held.ends_with(":2000");
    assert!(tokens.iter().all(is_token), "{tokens:?}");
    assert_ne!(tokens[0], tokens[1], "every flight has a token of its own");
    assert_no_locks(&server);
}

/// What stands under the name of a lease that somebody else holds.
const THEIRS: &str = "01234567-89ab-4def-8123-456789abcdef:60000";

/// A flight whose lock somebody else has taken over neither stores nor releases.
async fn compare_and_delete(server: RedisServer) {
    let cache = connect(&server).await;
    let value = cache.get_or_set("k", TTL, || async {
        server.cli(&["SET", "~lock:{k}", THEIRS, "PX", "60000"]);
        Ok::<_, std::io::Error>("mine".to_owned())
    });
    assert_eq!(value.await.unwrap(), "mine", "its own caller gets it");
    assert_eq!(server.scan_keys(), ["~lock:{k}"], "nothing stored");
    assert_eq!(server.cli(&["GET", "~lock:{k}"]), THEIRS);
}

#[tokio::test]
async fn compare_and_delete_by_script() {
    let server = RedisServer::start();
    compare_and_delete(server).await;
}

#[tokio::test]
async fn compare_and_delete_by_watch_and_multi() {
    let server = RedisServer::builder().args(["--rename-command", "EVALSHA", ""]).start();
    let cache = connect(&server).await;
    server.reset_stats();
    let loader = Loader::default();
    cache.get_or_set("other", TTL, || loader.load("value")).await.unwrap();
    assert_eq!(server.command_count("watch"), 1, "no script was run");
    cache.invalidate("other").await.unwrap();
    compare_and_delete(server).await;
}

#[tokio::test]
async fn a_waiters_bounded_wait_then_its_own_load() {
    let server = RedisServer::start();
    let (holder, waiter) = (connect(&server).await, connect(&server).await);
    let started = Arc::new(Notify::new());
    let stuck = tokio::spawn({
        let started = Arc::clone(&started);
        async move {
            let never = || async {
                started.notify_one();
                pending::<Loaded>().await
            };
            holder.get_or_set("k", TTL, never).await
        }
    });
    started.notified().await;

    let wait = Duration::from_millis(300);
    let loader = Loader::default();
    let begun = Instant::now();
    let entry = waiter.entry("k").ttl(TTL).wait_for_lock(wait);
    let value = entry.get_or_set(|| loader.load("own")).await.unwrap();
    assert!(begun.elapsed() >= wait, "it gave the holder its time");
    assert_eq!((value.as_str(), loader.loads()), ("own", 1));
    assert_eq!(server.scan_keys(), ["k"], "stored under the hedge, which voids the lease");
    stuck.abort();
}

#[tokio::test]
async fn a_dead_holders_lock_expires() {
    let server = RedisServer::start();
    let cache = connect(&server).await;
    // The lease that a process leaves behind when it is killed while it loads.
    server.cli(&["SET", "~lock:{k}", "01234567-89ab-4def-8123-456789abcdef:400", "PX", "400"]);
    let loader = Loader::default();
    let begun = Instant::now();
    let value = cache.get_or_set("k", TTL, || loader.load("value"));
    let value = timeout(Duration::from_secs(10), value).await.unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300), "the lease was respected");
    assert_eq!((value.as_str(), loader.loads()), ("value", 1));
    assert_eq!(server.scan_keys(), ["k"], "under the lock, so it is stored");
}

#[tokio::test]
async fn namespace() {
    let server = RedisServer::start();
    let named = |name: &str| server.cache_builder().namespace(name).build();
    let (app, ap) = (named("app").await.unwrap(), named("ap").await.unwrap());
    let loader = Loader::default();
    app.get_or_set("k", TTL, || loader.load("app's")).await.unwrap();
    let other = ap.get_or_set("pk", TTL, || loader.load("ap's")).await.unwrap();
    assert_eq!(other, "ap's");
    assert_eq!(server.scan_keys(), ["ap:pk", "app:k"]);
    app.invalidate("k").await.unwrap();
    assert_eq!(server.scan_keys(), ["ap:pk"]);
}

/// JSON, upside down.
struct Reversed;

impl Codec for Reversed {
    fn name(&self) -> &'static str {
        "reversed"
    }

    fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, BoxError> {
        let mut bytes = serde_json::to_vec(value)?;
        bytes.reverse();
        Ok(bytes)
    }

    fn decode<T, S>(&self, bytes: &[u8], seed: S) -> Result<T, BoxError>
    where
        S: for<'de> DeserializeSeed<'de, Value = T>,
    {
        let bytes: Vec<u8> = bytes.iter().rev().copied().collect();
        Ok(seed.deserialize(&mut serde_json::Deserializer::from_slice(&bytes))?)
    }
}

#[tokio::test]
async fn custom_serializer() {
    let server = RedisServer::start();
    let cache = server.cache_builder().codec(Reversed).build().await.unwrap();
    let loader = Loader::default();
    for _ in 0..2 {
        assert_eq!(cache.get_or_set("k", TTL, || loader.load("value")).await.unwrap(), "value");
    }
    assert_eq!(loader.loads(), 1);
    assert!(server.cli(&["GET", "k"]).ends_with("\"eulav\""));
}

#[tokio::test]
async fn invalidate() {
    let server = RedisServer::start();
    let cache = connect(&server).await;
    let loader = Loader::default();
    cache.get_or_set("k", TTL, || loader.load("old")).await.unwrap();
    cache.invalidate("k").await.unwrap();
    assert_eq!(server.scan_keys(), [""; 0]);
    assert_eq!(cache.get_or_set("k", TTL, || loader.load("new")).await.unwrap(), "new");
    cache.invalidate("never cached").await.unwrap();
}

#[tokio::test]
async fn a_recomputes_error_always_propagates_with_its_cause() {
    let server = RedisServer::start();
    let cache = connect(&server).await;
    let fails = || async { Err::<String, _>(std::io::Error::other("the database is down")) };
    let check = |result: Result<String, Error<std::io::Error>>| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Recompute(_)));
        assert_eq!(error.to_string(), "the recompute failed");
        assert_eq!(error.source().unwrap().to_string(), "the database is down");
    };
    check(cache.get_or_set("k", TTL, fails).await);
    assert_eq!(server.scan_keys(), [""; 0], "no error is cached, and no lock left");

    // Also where a valid value was about to be refreshed.
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Loader::default().load("valid").await
    };
    cache.get_or_set("k", TTL, slow).await.unwrap();
    check(cache.entry("k").ttl(TTL).beta(ALWAYS_EARLY).get_or_set(fails).await);
    assert_eq!(server.scan_keys(), ["k"]);
}

/// `callers` at once on a cold key, in one process.
async fn concurrent_misses(server: &RedisServer, callers: u32) -> usize {
    let cache = connect(server).await;
    let loader = Loader::default();
    let arrived = Arc::new(Semaphore::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (cache, loader, arrived) = (cache.clone(), loader.clone(), Arc::clone(&arrived));
        tasks.spawn(async move {
            arrived.add_permits(1);
            let load = || async {
                // Until all of them have called, and then some.
                let _all = arrived.acquire_many(callers).await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
                loader.load("value").await
            };
            cache.get_or_set("k", TTL, load).await.unwrap()
        });
    }
    let values = timeout(Duration::from_secs(30), tasks.join_all()).await.unwrap();
    assert!(values.iter().all(|value| value == "value"));
    assert_no_locks(server);
    loader.loads()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_concurrent_misses_are_one_recompute() {
    let server = RedisServer::start();
    assert_eq!(concurrent_misses(&server, 100).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_at_once_use_two_connections_with_no_pool_to_tune() {
    let server = RedisServer::start();
    let received = |server: &RedisServer| server.info("stats", "total_connections_received");
    let before = received(&server);
    assert_eq!(concurrent_misses(&server, 500).await, 1);
    // Every question that the harness asked was a connection of its own: one SCAN, one INFO.
    // And `build()` asked on a third one to be told of changes, and let it go.
    assert_eq!(received(&server) - before - 2, 2 + 1, "one for reads, one for writes");
}
