//! A store that answers, and refuses (G5): every call is served by its body, or by the cache.

use std::time::Duration;

use cachefence_tests::{Proxy, RedisServer};

use super::desk::{CALLERS, Desk, KEYS, NO_SCRIPTS, all};

const WAVES: u64 = 6;

#[tokio::test]
async fn memory_that_is_used_up() {
    let server = RedisServer::start();
    let desk = Desk::new(&server.url());
    desk.call(true, 0).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    desk.is_served("OOM").await;
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    desk.heals("OOM").await;
}

#[tokio::test]
async fn memory_that_is_used_up_without_scripts() {
    let server = RedisServer::builder().args(NO_SCRIPTS).start();
    let desk = Desk::new(&server.url());
    desk.call(true, 0).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    desk.is_served("OOM without scripts").await;
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    desk.heals("OOM without scripts").await;
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica() {
    let (server, primary) = (RedisServer::start(), RedisServer::start());
    let desk = Desk::new(&server.url());
    desk.call(true, 0).await;
    server.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    desk.is_served("READONLY").await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    desk.heals("READONLY").await;
}

#[tokio::test]
async fn what_can_be_read_is_served_while_nothing_can_be_written() {
    let primary = RedisServer::start();
    let port = primary.port().to_string();
    let full: &[&str] = &["CONFIG", "SET", "maxmemory", "1"];
    let read_only: &[&str] = &["REPLICAOF", "127.0.0.1", &port];
    for (args, command) in [(&[][..], full), (&NO_SCRIPTS, full), (&[], read_only)] {
        let server = RedisServer::builder().args(args.iter().copied()).start();
        let desk = Desk::new(&server.url());
        // A replica takes over what its primary holds.
        Desk::new(&primary.url()).warm().await;
        desk.warm().await;
        server.cli(command);
        if command == read_only {
            assert_eq!(primary.cli(&["WAIT", "1", "10000"]), "1");
        }
        for round in 1..=10 {
            let before = desk.bodies();
            let ids =
                (0..CALLERS).map(|id| if id % 2 == 0 { 1_000 * round + id } else { id % KEYS });
            all(ids.map(|id| desk.call(true, id))).await;
            assert_eq!(desk.bodies() - before, CALLERS / 2, "{command:?}: only what is not cached");
        }
    }
}

#[tokio::test]
async fn a_replica_serves_what_its_primary_holds() {
    let (server, primary) = (RedisServer::start(), RedisServer::start());
    server.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    let writer = Desk::new(&primary.url());
    writer.warm().await;
    assert_eq!(primary.cli(&["WAIT", "1", "10000"]), "1");
    let reader = Desk::new(&server.url());
    reader.calls(WAVES).await;
    assert_eq!(reader.bodies(), 0, "all are hits");
}

#[tokio::test]
async fn a_replica_that_has_lost_its_primary() {
    let server = RedisServer::start();
    let desk = Desk::new(&server.url());
    desk.call(true, 0).await;
    server.cli(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    // Nobody listens there.
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    desk.is_served("MASTERDOWN").await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    desk.heals("MASTERDOWN").await;
}

#[tokio::test]
async fn a_server_that_loads_its_data() {
    /// So many, each of which takes so many microseconds to load.
    const ROWS: &str = "100000";
    const MICROS: &str = "100";
    let (server, primary) = (RedisServer::start(), RedisServer::start());
    let fill = "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'k' .. i, i) end";
    primary.cli(&["EVAL", fill, "0", ROWS]);
    let proxy = Proxy::start(server.port());
    let desk = Desk::new(&proxy.url());
    desk.call(true, 0).await;
    server.cli(&["CONFIG", "SET", "key-load-delay", MICROS]);
    server.cli(&["CONFIG", "SET", "loading-process-events-interval-bytes", "1024"]);
    primary.cli(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
    server.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    let loading = || server.cli(&["INFO", "persistence"]).contains("\nloading:1");
    let begins = std::time::Instant::now();
    while !loading() {
        assert!(begins.elapsed() < Duration::from_secs(20), "it does not load");
    }
    desk.calls(1).await.assert_bounded("LOADING, first calls");
    let (operations, probes) = (proxy.operations(), count(&proxy, "TIME"));
    while count(&proxy, "TIME") < probes + 8 {
        desk.is_served("LOADING").await;
    }
    assert!(loading(), "it still loads");
    assert_eq!(proxy.operations(), operations, "it is left alone, although it tells the time");
    server.cli(&["CONFIG", "SET", "key-load-delay", "0"]);
    while loading() {
        assert!(begins.elapsed() < Duration::from_secs(40), "it goes on loading");
    }
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    desk.heals("LOADING").await;
}

/// How often `command` has come.
fn count(proxy: &Proxy, command: &str) -> u64 {
    proxy.commands().get(command).copied().unwrap_or(0)
}
