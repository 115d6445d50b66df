//! A store that answers, and refuses (G5): every call is served by its body, or by the cache.

use std::time::Duration;

use cachefence::{CacheFence, Error};
use cachefence_tests::{Fault, Proxy, RedisServer, assert_no_locks};

use super::desk::{CALLERS, Desk, KEYS, NO_SCRIPTS, all};
use super::timings::Timings;

const WAVES: u64 = 6;

/// Serves calls of a server that refuses, and sees that none waits.
async fn served(what: &str, desk: &Desk) {
    let before = desk.bodies();
    let timings = desk.calls(WAVES).await;
    timings.assert_undelayed(what);
    assert!(timings.len() >= 200);
    assert!(desk.bodies() > before, "{what}: bodies serve the calls");
    assert_eq!(desk.most_at_a_time(), 1, "{what}: one body per key at a time");
}

async fn heals(what: &str, desk: &Desk) {
    println!("{what}: the first hit {:.0?} after it ended", desk.until_a_hit().await);
    desk.warm().await;
}

fn with_user(rules: &[&str]) -> (RedisServer, String) {
    let server = RedisServer::start();
    let command = [&["ACL", "SETUSER", "app", "on", ">s3cret", "allchannels"], rules].concat();
    server.cli(&command);
    let url = format!("redis://app:s3cret@127.0.0.1:{}", server.port());
    (server, url)
}

#[tokio::test]
async fn memory_that_is_used_up() {
    let server = RedisServer::start();
    let desk = Desk::new(&server.url());
    desk.call(true, 0).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    served("OOM", &desk).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    heals("OOM", &desk).await;
}

#[tokio::test]
async fn memory_that_is_used_up_without_scripts() {
    let server = RedisServer::builder().args(NO_SCRIPTS).start();
    let desk = Desk::new(&server.url());
    desk.call(true, 0).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    served("OOM without scripts", &desk).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    heals("OOM without scripts", &desk).await;
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica() {
    let (server, primary) = (RedisServer::start(), RedisServer::start());
    let desk = Desk::new(&server.url());
    desk.call(true, 0).await;
    server.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    served("READONLY", &desk).await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    heals("READONLY", &desk).await;
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
    served("MASTERDOWN", &desk).await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    heals("MASTERDOWN", &desk).await;
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
        served("LOADING", &desk).await;
    }
    assert!(loading(), "it still loads");
    assert_eq!(proxy.operations(), operations, "it is left alone, although it tells the time");
    server.cli(&["CONFIG", "SET", "key-load-delay", "0"]);
    while loading() {
        assert!(begins.elapsed() < Duration::from_secs(40), "it goes on loading");
    }
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    heals("LOADING", &desk).await;
}

/// How often `command` has come.
fn count(proxy: &Proxy, command: &str) -> u64 {
    proxy.commands().get(command).copied().unwrap_or(0)
}

#[tokio::test]
async fn connections_that_are_killed() {
    killed_again_and_again(&RedisServer::start()).await;
}

#[tokio::test]
async fn connections_that_are_killed_without_scripts() {
    killed_again_and_again(&RedisServer::builder().args(NO_SCRIPTS).start()).await;
}

async fn killed_again_and_again(server: &RedisServer) {
    const KILLS: u64 = 20;
    let desk = Desk::new(&server.url());
    desk.warm().await;
    let before = desk.bodies();
    let mut timings = Timings::default();
    for kill in 0..KILLS {
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        timings.join(desk.calls(1).await);
        // A rebuild needs more of the connections than a hit.
        if kill % 4 == 0 {
            desk.cache.invalidate("row:0").await.ok();
        }
    }
    timings.assert_bounded("CLIENT KILL");
    println!("CLIENT KILL: {} bodies after {KILLS} kills", desk.bodies() - before);
    assert_eq!(desk.most_at_a_time(), 1);
    heals("CLIENT KILL", &desk).await;
    assert_no_locks(server);
}

#[tokio::test]
async fn data_that_is_flushed() {
    let server = RedisServer::start();
    let desk = Desk::new(&server.url());
    desk.warm().await;
    for flush in 1..=5 {
        let before = desk.bodies();
        server.cli(&["FLUSHALL"]);
        desk.calls(2).await.assert_bounded("FLUSHALL");
        assert_eq!(desk.bodies() - before, KEYS, "flush {flush}: one body per key");
    }
}

#[tokio::test]
async fn too_many_clients() {
    let server = RedisServer::start();
    let mut admin = server.connection();
    let desk = Desk::new(&server.url());
    let mut set = |most: u32| {
        redis::cmd("CONFIG").arg(&["SET", "maxclients"]).arg(most).exec(&mut admin).unwrap();
    };
    set(1);
    served("maxclients", &desk).await;
    set(1_000);
    heals("maxclients", &desk).await;
}

/// The whole of what an error says, and of what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(chain).unwrap_or_default();
    format!("{error} {error:?} {cause}")
}

async fn refused_credentials(server: &RedisServer, url: &str) {
    let Err(error) = CacheFence::connect(url).await else { panic!("it connects") };
    assert!(matches!(error, Error::Store(_)), "{error}");
    assert!(error.to_string().contains("credentials"), "{error}");
    assert!(!chain(&error).contains("s3cret"), "{}", chain(&error));
    let desk = Desk::new(url);
    served("credentials refused", &desk).await;
    assert_eq!(server.scan_keys(), <[String; 0]>::default());
}

#[tokio::test]
async fn no_password_where_one_is_needed() {
    let server = RedisServer::builder().password("right").start();
    refused_credentials(&server, &format!("redis://127.0.0.1:{}", server.port())).await;
}

#[tokio::test]
async fn a_wrong_password() {
    let server = RedisServer::builder().password("right").start();
    refused_credentials(&server, &format!("redis://:s3cret@127.0.0.1:{}", server.port())).await;
    refused_credentials(&server, &format!("redis://app:s3cret@127.0.0.1:{}", server.port())).await;
}

#[tokio::test]
async fn a_password_that_is_set_later() {
    let server = RedisServer::builder().password("right").start();
    server.cli(&["CONFIG", "SET", "requirepass", "right"]);
    let desk = Desk::new(&format!("redis://:right@127.0.0.1:{}", server.port()));
    desk.warm().await;
    server.cli(&["ACL", "SETUSER", "default", "on", "resetpass", ">other", ">right"]);
    server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    heals("a password added", &desk).await;
}

#[tokio::test]
async fn a_user_that_may_run_no_scripts() {
    let (_server, url) = with_user(&["~*", "+@all", "-@scripting"]);
    let desk = Desk::of(CacheFence::connect(&url).await.unwrap());
    desk.warm().await;
    assert_eq!(desk.bodies(), KEYS);
}

#[tokio::test]
async fn a_user_that_may_not_touch_the_keys() {
    let (server, url) = with_user(&["~other:*", "+@all"]);
    let desk = Desk::new(&url);
    served("NOPERM on keys", &desk).await;
    let error = desk.cache.invalidate("row:0").await.unwrap_err();
    assert!(!chain(&error).contains("row:0"), "the key is not quoted: {}", chain(&error));
    server.cli(&["ACL", "SETUSER", "app", "~*"]);
    heals("NOPERM on keys", &desk).await;
}

#[tokio::test]
async fn a_user_that_may_not_say_who_it_is() {
    let (_server, url) = with_user(&["~*", "+@all", "-client"]);
    let desk = Desk::of(CacheFence::connect(&url).await.unwrap());
    desk.warm().await;
}

#[tokio::test]
async fn a_server_that_knows_only_the_older_protocol() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    proxy.set(Fault::Resp2Only);
    let desk = Desk::of(CacheFence::connect(proxy.url()).await.unwrap());
    desk.warm().await;
    let newer = format!("{}?protocol=resp3", proxy.url());
    match CacheFence::connect(&newer).await {
        Ok(cache) => Desk::of(cache).warm().await,
        Err(error) => println!("{error}"),
    }
    let desk = Desk::new(&newer);
    served("the newer protocol demanded", &desk).await;
}
