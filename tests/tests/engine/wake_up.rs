//! Waiters of another process are woken the moment there is something to see.
//!
//! Each of these waits for minutes if it is not woken: the lease is long, and whoever is woken looks at
//! most once a second otherwise, which the counts of the server would show.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::{DEADLINE, Proxy, RedisServer, Stop, until};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const TTL: Duration = Duration::from_secs(3_600);
const LEASE: Duration = Duration::from_secs(600);

/// Two processes, as far as the server can tell: one holds the lock, the other waits.
struct Processes {
    server: RedisServer,
    holder: CacheFence,
    waiter: CacheFence,
    /// Where each load of the holder stops.
    load: Arc<Stop>,
}

impl Processes {
    async fn new(server: RedisServer) -> Self {
        let url = server.url();
        Self::at(server, &url).await
    }

    /// As [`new`](Self::new), with a waiter that finds the server at `url`.
    async fn at(server: RedisServer, url: &str) -> Self {
        let build = async |url: &str| {
            let builder = CacheFence::builder().redis(url).op_timeout(DEADLINE);
            builder.lock_timeout(LEASE).wait_for_lock(LEASE).build().await.unwrap()
        };
        let (holder, waiter) = (build(&server.url()).await, build(url).await);
        Self { server, holder, waiter, load: Stop::new() }
    }

    /// A call that loads in vain until it is told to end, once it has the lock.
    async fn hold(&self) -> JoinHandle<Option<String>> {
        self.load(Err(std::fmt::Error)).await
    }

    /// A call that loads until it is told to end, once it has the lock.
    async fn load(&self, result: Result<String, std::fmt::Error>) -> JoinHandle<Option<String>> {
        let (cache, stop) = (self.holder.clone(), Arc::clone(&self.load));
        let call = tokio::spawn(async move {
            let load = || async move {
                stop.pass().await;
                result
            };
            cache.get_or_set("k", TTL, load).await.ok()
        });
        self.load.reached().await;
        call
    }

    /// A call that waits for the lock, and is watching.
    async fn wait(&self) -> JoinHandle<String> {
        // The first script is that of the holder, the second is the first look, and the third is the look that the
        // server remembers.
        self.wait_until_asked(3).await
    }

    /// A call that waits for the lock, and is watching once so many scripts have run.
    async fn wait_until_asked(&self, scripts: u64) -> JoinHandle<String> {
        let cache = self.waiter.clone();
        let call = tokio::spawn(async move {
            let load = || async { Ok::<_, Infallible>("loaded".to_owned()) };
            cache.get_or_set("k", TTL, load).await.unwrap()
        });
        let asked =
            || tracked_keys(&self.server) > 0 && self.server.command_count("evalsha") >= scripts;
        until("the waiter watches", asked).await;
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
}

/// How many keys the server remembers, in order to tell somebody of their next change.
fn tracked_keys(server: &RedisServer) -> u64 {
    server.info("stats", "tracking_total_keys")
}

/// How many `CLIENT` commands there were: `TRACKING` for a connection and `CACHING` for each look that is to be watched.
/// Redis 6.2 counts them together.
fn client_commands(counts: &BTreeMap<String, u64>) -> u64 {
    counts.iter().filter(|(name, _)| name.starts_with("client")).map(|(_, count)| count).sum()
}

/// What `call` gives, and how long it took from `since`.
async fn given(call: JoinHandle<String>, since: Instant) -> (String, Duration) {
    let value = tokio::time::timeout(LEASE / 10, call).await.expect("it is woken").unwrap();
    (value, since.elapsed())
}

#[tokio::test]
async fn by_a_release() {
    let processes = Processes::new(RedisServer::start()).await;
    processes.server.reset_stats();
    let holder = processes.hold().await;
    let waiter = processes.wait().await;
    let since = Instant::now();
    processes.load.go();
    assert_eq!(holder.await.unwrap(), None);
    let (value, took) = given(waiter, since).await;
    println!("woken by a release after {took:?}");
    assert_eq!(value, "loaded");
}

#[tokio::test]
async fn by_a_value() {
    let processes = Processes::new(RedisServer::start()).await;
    processes.server.reset_stats();
    let holder = processes.hold().await;
    let waiter = processes.wait().await;
    let since = Instant::now();
    processes.holder.entry::<String>("k").ttl(TTL).set(&"set".to_owned()).await.unwrap();
    let (value, took) = given(waiter, since).await;
    println!("woken by a value after {took:?}");
    assert_eq!(value, "set");
    holder.abort();
}

#[tokio::test]
async fn by_an_invalidation() {
    let processes = Processes::new(RedisServer::start()).await;
    processes.wakes_by_an_invalidation().await;
}

/// A change of the lock wakes a waiter also when no cache has made it.
#[tokio::test]
async fn by_whatever_is_done_to_the_lock() {
    for command in [&["DEL", "~lock:{k}"][..], &["SET", "~lock:{k}", "x"], &["FLUSHALL"]] {
        let processes = Processes::new(RedisServer::start()).await;
        processes.server.reset_stats();
        let holder = processes.hold().await;
        let waiter = processes.wait().await;
        processes.server.cli(command);
        assert_eq!(given(waiter, Instant::now()).await.0, "loaded", "{command:?}");
        holder.abort();
    }
}

#[tokio::test]
async fn a_waiter_is_woken_again_after_its_connection_was_killed() {
    let processes = Processes::new(RedisServer::start()).await;
    processes.server.reset_stats();
    let holder = processes.hold().await;
    let first = processes.wait().await;
    processes.server.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    processes.holder.invalidate("k").await.ok();
    processes.holder.invalidate("k").await.unwrap();
    assert_eq!(given(first, Instant::now()).await.0, "loaded");
    processes.holder.invalidate("k").await.unwrap();
    holder.abort();

    processes.wakes_by_an_invalidation().await;
}

#[tokio::test]
async fn a_waiter_is_woken_again_after_a_restart() {
    let mut processes = Processes::new(RedisServer::start()).await;
    let holder = processes.hold().await;
    let first = processes.wait().await;
    holder.abort();
    processes.server.restart();
    assert_eq!(given(first, Instant::now()).await.0, "loaded");
    for cache in [&processes.holder, &processes.waiter] {
        let since = Instant::now();
        while cache.invalidate("k").await.is_err() {
            assert!(since.elapsed() < DEADLINE, "it is not connected again");
        }
    }

    processes.wakes_by_an_invalidation().await;
}

/// A server whose tracking table is full forgets a key as soon as it has read another one, and then says that it has changed.
/// Those who are woken in vain again and again ask no more often than those whom nobody wakes.
#[tokio::test]
async fn whoever_is_woken_in_vain_is_paced() {
    const WAITERS: u64 = 8;
    const SHORTEST: Duration = Duration::from_millis(150);
    let server = RedisServer::builder().args(["--tracking-table-max-keys", "1"]).start();
    let processes = Processes::new(server).await;
    let holder = processes.load(Ok("loaded there".to_owned())).await;
    processes.server.reset_stats();
    let begun = Instant::now();
    let mut waiters = Vec::new();
    for _ in 0..WAITERS {
        let cache = processes.server.cache_builder().lock_timeout(LEASE).wait_for_lock(LEASE);
        let cache = cache.build().await.unwrap();
        waiters.push(tokio::spawn(async move {
            let load = || async { Ok::<_, Infallible>("loaded".to_owned()) };
            cache.get_or_set("k", TTL, load).await.unwrap()
        }));
    }
    let asked = || processes.server.command_count("evalsha");
    until("all have been woken in vain", || asked() >= 10 * WAITERS).await;
    let (asked, took) = (asked(), begun.elapsed());
    println!("{asked} times in {took:?}");
    // Each asks twice before it waits, twice at once, six times until the pauses have grown to their longest, and then
    // no more often than that.
    let paced = u64::try_from(took.as_millis() / SHORTEST.as_millis()).unwrap();
    assert!(asked <= WAITERS * (2 + 2 + 6 + paced), "{asked} times in {took:?}");

    processes.load.go();
    holder.await.unwrap();
    for waiter in waiters {
        assert_eq!(given(waiter, Instant::now()).await.0, "loaded there");
    }
}

/// Without RESP3 nobody is woken, and everybody looks.
#[tokio::test]
async fn a_server_that_cannot_push_is_polled() {
    let server = RedisServer::builder().args(["--rename-command", "HELLO", ""]).start();
    let processes = Processes::new(server).await;
    processes.server.reset_stats();
    let holder = processes.hold().await;
    let cache = processes.waiter.clone();
    let waiter = tokio::spawn(async move {
        let load = || async { Ok::<_, Infallible>("loaded".to_owned()) };
        cache.get_or_set("k", TTL, load).await.unwrap()
    });
    until("the waiter looks again and again", || processes.server.command_count("evalsha") >= 5)
        .await;
    processes.load.go();
    assert_eq!(holder.await.unwrap(), None);
    assert_eq!(given(waiter, Instant::now()).await.0, "loaded");
}

/// Being woken costs a handful of commands, and one connection more for each process that waits.
#[tokio::test]
async fn a_waiter_sends_a_handful_of_commands() {
    let processes = Processes::new(RedisServer::start()).await;
    processes.server.reset_stats();
    let holder = processes.hold().await;
    let waiter = processes.wait().await;
    processes.load.go();
    holder.await.unwrap();
    given(waiter, Instant::now()).await;
    let counts = processes.server.command_stats();
    // Look, ask, watch and ask, and again when woken; then fill.
    assert!(counts["evalsha"] <= 6, "{counts:?}");
    assert!(client_commands(&counts) <= 1 + 2, "{counts:?}");
}

/// The connection is there by then, so the first look goes over it, and what wakes is a value.
#[tokio::test]
async fn whoever_waits_in_a_process_that_has_waited_looks_once_and_reads_once() {
    let processes = Processes::new(RedisServer::start()).await;
    processes.server.reset_stats();
    let holder = processes.hold().await;
    let waiter = processes.wait().await;
    processes.holder.invalidate("k").await.unwrap();
    given(waiter, Instant::now()).await;
    holder.abort();
    processes.holder.invalidate("k").await.unwrap();

    processes.server.reset_stats();
    let holder = processes.load(Ok("loaded there".to_owned())).await;
    let waiter = processes.wait_until_asked(2).await;
    let looked = processes.server.command_stats();
    // Each of the two has read once and asked for the lock once; the waiter watches while it asks.
    assert_eq!((looked["get"], looked["evalsha"], client_commands(&looked)), (2, 2, 1));
    processes.load.go();
    holder.await.unwrap();
    assert_eq!(given(waiter, Instant::now()).await.0, "loaded there");
    let woken = processes.server.command_stats();
    // The third script fills the entry, and reads both slots with one `MGET`.
    assert_eq!((woken["get"], woken["evalsha"], client_commands(&woken)), (3, 3, 1));
    assert!(!woken.contains_key("hello"), "{woken:?}");
}

/// The scripts may be flushed, or the waiters not told of changes: no waiter costs a connection.
#[tokio::test]
async fn refusals_on_the_tracking_connection_do_not_cost_it() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let processes = Processes::at(server, &proxy.url()).await;
    processes.wakes_by_an_invalidation().await;
    let connections = proxy.connections();
    for _ in 0..3 {
        processes.holder.invalidate("k").await.unwrap();
        processes.server.reset_stats();
        let holder = processes.hold().await;
        processes.server.cli(&["SCRIPT", "FLUSH"]);
        let waiter = processes.wait_until_asked(2).await;
        processes.holder.invalidate("k").await.unwrap();
        assert_eq!(given(waiter, Instant::now()).await.0, "loaded");
        holder.abort();
    }
    for _ in 0..3 {
        processes.holder.invalidate("k").await.unwrap();
        processes.server.reset_stats();
        let holder = processes.hold().await;
        let waiter = processes.wait_until_asked(2).await;
        processes.server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
        processes.holder.invalidate("k").await.unwrap();
        assert_eq!(given(waiter, Instant::now()).await.0, "loaded");
        processes.server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
        holder.abort();
    }
    assert_eq!(proxy.connections(), connections);
}

#[tokio::test]
async fn waiters_that_may_not_be_told_of_changes_ask_and_cost_no_connection() {
    let server = RedisServer::start();
    // All but `client|caching`, in words that Redis 6.2 knows too.
    let rules = ["on", "nopass", "~*", "+@all", "-client", "+client|tracking"];
    server.cli(&[&["ACL", "SETUSER", "app"], &rules[..]].concat());
    let proxy = Proxy::start(server.port());
    let url = format!("redis://app:any@{}", proxy.address());
    let processes = Processes::at(server, &url).await;
    let connections = proxy.connections();
    for _ in 0..3 {
        processes.holder.invalidate("k").await.unwrap();
        processes.server.reset_stats();
        let holder = processes.hold().await;
        let cache = processes.waiter.clone();
        let waiter = tokio::spawn(async move {
            let load = || async { Ok::<_, Infallible>("loaded".to_owned()) };
            cache.get_or_set("k", TTL, load).await.unwrap()
        });
        let looks = || processes.server.command_count("evalsha") >= 4;
        until("the waiter looks again and again", looks).await;
        processes.load.go();
        assert_eq!(holder.await.unwrap(), None);
        assert_eq!(given(waiter, Instant::now()).await.0, "loaded");
        assert!(!processes.waiter.status().pushes);
        processes.holder.invalidate("k").await.unwrap();
    }
    assert_eq!(proxy.connections(), connections, "it was known when the caches were built");
}
