//! A store that answers, and refuses (G5): every call is served by its body, or by the cache.

use std::convert::Infallible;

use cachefence::store::Health;
use cachefence_tests::{NO_SCRIPTS, Proxy, RedisServer, until};

use super::callers::{CALLERS, Callers, KEYS, TTL, all};

const WAVES: u64 = 6;

#[tokio::test]
async fn memory_that_is_used_up() {
    let server = RedisServer::start();
    let callers = Callers::patient(&server.url());
    callers.call(true, 0).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    callers.is_served("OOM").await;
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    callers.heals("OOM").await;
}

#[tokio::test]
async fn memory_that_is_used_up_without_scripts() {
    let server = RedisServer::without_scripts();
    let callers = Callers::patient(&server.url());
    callers.call(true, 0).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    callers.is_served("OOM without scripts").await;
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    callers.heals("OOM without scripts").await;
}

/// A full server takes what makes room: the release of a lease is not a write that shows it well again.
#[tokio::test]
async fn memory_that_is_used_up_during_a_load() {
    let server = RedisServer::start();
    let callers = Callers::patient(&server.url());
    callers.call(true, 0).await;
    for id in 1..=3 {
        let fill = async || {
            server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
            Ok::<_, Infallible>(id)
        };
        callers.cache.get_or_set(format!("full {id}"), TTL, fill).await.unwrap();
        let emptied = || server.scan_keys().iter().all(|key| !key.contains("full"));
        until("the lease is released", emptied).await;
        assert!(!callers.cache.status().writes, "load {id}");
    }
}

/// A rule that goes while the cache is used.
#[tokio::test]
async fn a_user_that_may_not_store_any_more() {
    let server = RedisServer::start();
    server.cli(&["ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all"]);
    let url = format!("redis://app:any@127.0.0.1:{}", server.port());
    let callers = Callers::patient(&url);
    callers.warm().await;
    server.cli(&["ACL", "SETUSER", "app", "-set"]);
    let connections = || server.info("stats", "total_connections_received");
    let before = connections();
    for id in KEYS..KEYS + 20 {
        callers.call(true, id).await;
        assert!(!callers.cache.status().writes);
    }
    let bodies = callers.bodies();
    callers.calls(1).await;
    assert_eq!(callers.bodies(), bodies, "hits go on");
    assert_eq!(connections() - before, 1, "this question is the only new connection");
    server.cli(&["ACL", "SETUSER", "app", "+set"]);
    callers.call(true, 1_000).await;
    assert!(callers.cache.status().writes);
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica() {
    let (server, primary) = (RedisServer::start(), RedisServer::start());
    let callers = Callers::patient(&server.url());
    callers.call(true, 0).await;
    server.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    callers.is_served("READONLY").await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    callers.heals("READONLY").await;
}

#[tokio::test]
async fn what_can_be_read_is_served_while_nothing_can_be_written() {
    let primary = RedisServer::start();
    let port = primary.port().to_string();
    let full: &[&str] = &["CONFIG", "SET", "maxmemory", "1"];
    let read_only: &[&str] = &["REPLICAOF", "127.0.0.1", &port];
    for (args, command) in [(&[][..], full), (&NO_SCRIPTS, full), (&[], read_only)] {
        let server = RedisServer::builder().args(args.iter().copied()).start();
        let callers = Callers::patient(&server.url());
        // A replica takes over what its primary holds.
        Callers::patient(&primary.url()).warm().await;
        callers.warm().await;
        server.cli(command);
        if command == read_only {
            holds_what_its_primary_holds(&server, &primary).await;
        }
        for round in 1..=10 {
            let before = callers.bodies();
            let ids =
                (0..CALLERS).map(|id| if id % 2 == 0 { 1_000 * round + id } else { id % KEYS });
            all(ids.map(|id| callers.call(true, id))).await;
            assert_eq!(
                callers.bodies() - before,
                CALLERS / 2,
                "{command:?}: only what is not cached"
            );
            let status = callers.cache.status();
            assert_eq!((status.health, status.writes), (Health::Degraded, false), "{command:?}");
        }
        assert_eq!(callers.cache.stats().troubles.outage, 0, "{command:?}");
    }
}

/// Waits until the first sync is done and what was written since has come. `WAIT` says neither: some servers count a
/// replica whose sync is under way.
pub(crate) async fn holds_what_its_primary_holds(replica: &RedisServer, primary: &RedisServer) {
    let holds = || {
        let link = replica.cli(&["INFO", "replication"]);
        link.contains("master_link_status:up") && replica.scan_keys() == primary.scan_keys()
    };
    until("the replica holds what its primary holds", holds).await;
}

#[tokio::test]
async fn a_replica_serves_what_its_primary_holds() {
    let (server, primary) = (RedisServer::start(), RedisServer::start());
    server.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    let writer = Callers::patient(&primary.url());
    writer.warm().await;
    holds_what_its_primary_holds(&server, &primary).await;
    let reader = Callers::patient(&server.url());
    reader.calls(WAVES).await;
    assert_eq!(reader.bodies(), 0, "all are hits");
}

#[tokio::test]
async fn a_replica_that_has_lost_its_primary() {
    let server = RedisServer::start();
    let callers = Callers::patient(&server.url());
    callers.call(true, 0).await;
    server.cli(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    // Nobody listens there.
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    callers.is_served("MASTERDOWN").await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    callers.heals("MASTERDOWN").await;
}

/// Has `server` take over what `primary` is filled with, and returns when it loads that, which takes ten seconds; whether
/// it can be told to be quicker meanwhile.
pub(crate) async fn begins_to_load(server: &RedisServer, primary: &RedisServer) -> bool {
    // Redis 6.2 cannot be told how often to answer while it loads: it does after each 2 MiB, so its rows are large.
    let often = ["SET", "loading-process-events-interval-bytes", "1024"];
    let often = redis::cmd("CONFIG").arg(&often).exec(&mut server.connection()).is_ok();
    // How many rows the server loads, how large each is and how long loading it takes.
    let (rows, bytes, micros) =
        if often { ("100000", "1", "100") } else { ("40000", "8192", "100") };
    primary.cli(&["CONFIG", "SET", "rdbcompression", "no"]);
    let fill = "local row = string.rep('x', tonumber(ARGV[2])) \
                for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'k' .. i, row) end";
    primary.cli(&["EVAL", fill, "0", rows, bytes]);
    server.cli(&["CONFIG", "SET", "key-load-delay", micros]);
    primary.cli(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
    server.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    until("it loads", || is_loading(server)).await;
    often
}

fn is_loading(server: &RedisServer) -> bool {
    server.cli(&["INFO", "persistence"]).contains("\nloading:1")
}

#[tokio::test]
async fn a_server_that_loads_its_data() {
    let (server, primary) = (RedisServer::start(), RedisServer::start());
    let proxy = Proxy::start(server.port());
    let callers = Callers::patient(&proxy.url());
    callers.call(true, 0).await;
    let can_be_quicker = begins_to_load(&server, &primary).await;
    callers.calls(1).await.assert_bounded("LOADING, first calls");
    // A `DEL` is how writes are probed.
    let operations = || proxy.operations() - count(&proxy, "DEL");
    let (before, probes) = (operations(), count(&proxy, "PING"));
    while count(&proxy, "PING") < probes + 8 {
        callers.is_served("LOADING").await;
    }
    assert!(is_loading(&server), "it still loads");
    assert_eq!(operations(), before, "it is left alone, although it answers");
    if can_be_quicker {
        server.cli(&["CONFIG", "SET", "key-load-delay", "0"]); // Redis 6.2 takes no such command while it loads
    }
    until("all is loaded", || !is_loading(&server)).await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    callers.heals("LOADING").await;
}

/// How often `command` has come.
fn count(proxy: &Proxy, command: &str) -> u64 {
    proxy.commands().get(command).copied().unwrap_or(0)
}
