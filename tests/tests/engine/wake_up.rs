//! Waiters of another process are woken the moment there is something to see.
//!
//! Each of these waits for minutes if it is not woken: the lease is long, and whoever is woken looks at
//! most once a second otherwise, which the counts of the server would show.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::RedisServer;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const TTL: Duration = Duration::from_secs(3_600);
const LEASE: Duration = Duration::from_secs(600);

/// Two processes, as far as the server can tell: one holds the lock, the other waits.
struct World {
    server: RedisServer,
    holder: CacheFence,
    waiter: CacheFence,
    go: Arc<Notify>,
}

impl World {
    async fn new(server: RedisServer) -> Self {
        let build = async || {
            let builder = CacheFence::builder().redis(server.url()).lock_timeout(LEASE);
            builder.wait_for_lock(LEASE).build().await.unwrap()
        };
        let (holder, waiter) = (build().await, build().await);
        Self { server, holder, waiter, go: Arc::default() }
    }

    /// A call that loads in vain until it is told to end, once it has the lock.
    async fn hold(&self) -> JoinHandle<Option<String>> {
        self.load(Err(std::fmt::Error)).await
    }

    /// A call that loads until it is told to end, once it has the lock.
    async fn load(&self, result: Result<String, std::fmt::Error>) -> JoinHandle<Option<String>> {
        let (cache, go, begun) =
            (self.holder.clone(), Arc::clone(&self.go), Arc::new(Notify::new()));
        let begins = Arc::clone(&begun);
        let call = tokio::spawn(async move {
            let load = || async move {
                begins.notify_one();
                go.notified().await;
                result
            };
            cache.get_or_set("k", TTL, load).await.ok()
        });
        begun.notified().await;
        call
    }

    /// A call that waits for the lock, and is watching.
    async fn wait(&self) -> JoinHandle<String> {
        // Its second look is the one that the server remembers.
        self.wait_until_asked(3).await
    }

    /// A call that waits for the lock, and is watching once so many scripts have run.
    async fn wait_until_asked(&self, scripts: u64) -> JoinHandle<String> {
        let cache = self.waiter.clone();
        let call = tokio::spawn(async move {
            let load = || async { Ok::<_, Infallible>("loaded".to_owned()) };
            cache.get_or_set("k", TTL, load).await.unwrap()
        });
        while self.stat("client|caching") == 0 || self.stat("evalsha") < scripts {
            tokio::task::yield_now().await;
        }
        call
    }

    /// A call that waits is woken by an invalidation of what another one loads.
    async fn wakes_by_an_invalidation(&self) {
        self.server.reset_stats();
        let holder = self.hold().await;
        let waiter = self.wait().await;
        self.holder.invalidate("k").await.unwrap();
        assert_eq!(given(waiter, Instant::now()).await.0, "loaded");
        holder.abort();
    }

    fn stat(&self, command: &str) -> u64 {
        self.server.command_stats().get(command).copied().unwrap_or(0)
    }
}

/// What `call` gives, and how long it took from `since`.
async fn given(call: JoinHandle<String>, since: Instant) -> (String, Duration) {
    let value = tokio::time::timeout(LEASE / 10, call).await.expect("it is woken").unwrap();
    (value, since.elapsed())
}

#[tokio::test]
async fn by_a_release() {
    let world = World::new(RedisServer::start()).await;
    world.server.reset_stats();
    let holder = world.hold().await;
    let waiter = world.wait().await;
    let since = Instant::now();
    world.go.notify_one();
    assert_eq!(holder.await.unwrap(), None);
    let (value, took) = given(waiter, since).await;
    println!("woken by a release after {took:?}");
    assert_eq!(value, "loaded");
}

#[tokio::test]
async fn by_a_value() {
    let world = World::new(RedisServer::start()).await;
    world.server.reset_stats();
    let holder = world.hold().await;
    let waiter = world.wait().await;
    let since = Instant::now();
    world.holder.entry::<String>("k").ttl(TTL).set(&"set".to_owned()).await.unwrap();
    let (value, took) = given(waiter, since).await;
    println!("woken by a value after {took:?}");
    assert_eq!(value, "set");
    holder.abort();
}

#[tokio::test]
async fn by_an_invalidation() {
    let world = World::new(RedisServer::start()).await;
    world.wakes_by_an_invalidation().await;
}

/// What is none of ours wakes as well.
#[tokio::test]
async fn by_whatever_is_done_to_the_lock() {
    for command in [&["DEL", "~lock:{k}"][..], &["SET", "~lock:{k}", "x"], &["FLUSHALL"]] {
        let world = World::new(RedisServer::start()).await;
        world.server.reset_stats();
        let holder = world.hold().await;
        let waiter = world.wait().await;
        world.server.cli(command);
        assert_eq!(given(waiter, Instant::now()).await.0, "loaded", "{command:?}");
        holder.abort();
    }
}

#[tokio::test]
async fn a_waiter_is_woken_again_after_its_connection_was_killed() {
    let world = World::new(RedisServer::start()).await;
    world.server.reset_stats();
    let holder = world.hold().await;
    let first = world.wait().await;
    world.server.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    world.holder.invalidate("k").await.ok();
    world.holder.invalidate("k").await.unwrap();
    assert_eq!(given(first, Instant::now()).await.0, "loaded");
    world.holder.invalidate("k").await.unwrap();
    holder.abort();

    world.wakes_by_an_invalidation().await;
}

#[tokio::test]
async fn a_waiter_is_woken_again_after_a_restart() {
    let mut world = World::new(RedisServer::start()).await;
    let holder = world.hold().await;
    let first = world.wait().await;
    holder.abort();
    world.server.restart();
    assert_eq!(given(first, Instant::now()).await.0, "loaded");
    for cache in [&world.holder, &world.waiter] {
        while cache.invalidate("k").await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    world.wakes_by_an_invalidation().await;
}

/// Without RESP3 nobody is woken, and everybody looks.
#[tokio::test]
async fn a_server_that_cannot_push_is_polled() {
    let server = RedisServer::builder().args(["--rename-command", "HELLO", ""]).start();
    let world = World::new(server).await;
    world.server.reset_stats();
    let holder = world.hold().await;
    let cache = world.waiter.clone();
    let waiter = tokio::spawn(async move {
        let load = || async { Ok::<_, Infallible>("loaded".to_owned()) };
        cache.get_or_set("k", TTL, load).await.unwrap()
    });
    while world.stat("evalsha") < 5 {
        tokio::task::yield_now().await;
    }
    world.go.notify_one();
    assert_eq!(holder.await.unwrap(), None);
    assert_eq!(given(waiter, Instant::now()).await.0, "loaded");
}

/// What it all costs: with one connection more for each process that waits.
#[tokio::test]
async fn a_waiter_sends_a_handful_of_commands() {
    let world = World::new(RedisServer::start()).await;
    world.server.reset_stats();
    let holder = world.hold().await;
    let waiter = world.wait().await;
    world.go.notify_one();
    holder.await.unwrap();
    given(waiter, Instant::now()).await;
    let counts = world.server.command_stats();
    // Look, ask, watch and ask, and again when woken; then fill.
    assert!(counts["evalsha"] <= 6, "{counts:?}");
    assert!(counts["client|caching"] <= 2 && counts["client|tracking"] == 1, "{counts:?}");
}

/// The connection is there by then, so the first look goes over it, and what wakes is a value.
#[tokio::test]
async fn whoever_waits_in_a_process_that_has_waited_looks_once_and_reads_once() {
    let world = World::new(RedisServer::start()).await;
    world.server.reset_stats();
    let holder = world.hold().await;
    let waiter = world.wait().await;
    world.holder.invalidate("k").await.unwrap();
    given(waiter, Instant::now()).await;
    holder.abort();
    world.holder.invalidate("k").await.unwrap();

    world.server.reset_stats();
    let holder = world.load(Ok("loaded there".to_owned())).await;
    let waiter = world.wait_until_asked(2).await;
    let looked = world.server.command_stats();
    // One of each of the two; the second one's was watched.
    assert_eq!((looked["get"], looked["evalsha"], looked["client|caching"]), (2, 2, 1));
    world.go.notify_one();
    holder.await.unwrap();
    assert_eq!(given(waiter, Instant::now()).await.0, "loaded there");
    let woken = world.server.command_stats();
    assert_eq!((woken["get"], woken["evalsha"], woken["client|caching"]), (3, 3, 1));
    assert!(!woken.contains_key("hello") && !woken.contains_key("client|tracking"), "{woken:?}");
}
