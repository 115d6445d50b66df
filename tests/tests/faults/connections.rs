//! Connections that the server ends, refuses or cannot speak over, and data that is gone with them.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::{DEADLINE, Fault, Proxy, RedisServer, Stop, assert_no_locks, until};
use tokio::runtime::Builder;
use tokio::task::{spawn, yield_now};
use tokio::time::timeout;

use super::callers::{Callers, KEYS, OP_TIMEOUT, TTL, all};
use super::timings::Timings;

#[tokio::test]
async fn connections_that_are_killed() {
    killed_again_and_again(&RedisServer::start()).await;
}

#[tokio::test]
async fn connections_that_are_killed_without_scripts() {
    killed_again_and_again(&RedisServer::without_scripts()).await;
}

async fn killed_again_and_again(server: &RedisServer) {
    const KILLS: u64 = 20;
    let callers = Callers::new(&server.url());
    callers.warm().await;
    let before = callers.bodies();
    let mut timings = Timings::default();
    for kill in 0..KILLS {
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        timings.join(callers.calls(1).await);
        // A load needs more of the connections than a hit.
        if kill % 4 == 0 {
            callers.cache.invalidate("row:0").await.ok();
        }
    }
    timings.assert_bounded("CLIENT KILL");
    println!("CLIENT KILL: {} bodies after {KILLS} kills", callers.bodies() - before);
    assert_eq!(callers.most_at_a_time(), 1);
    callers.heals("CLIENT KILL").await;
    assert_no_locks(server);
}

/// All that is under way on one connection fails with it. The server is well, so it is not left alone: neither
/// those who come next nor those who were reading run a body.
#[tokio::test]
async fn a_connection_that_is_killed_under_many_callers() {
    const KILLS: u64 = 20;
    let server = RedisServer::start();
    let callers = Callers::patient(&server.url());
    callers.warm().await;
    let before = callers.bodies();
    for kill in 1..=KILLS {
        // Before they come, so that all of them meet it.
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        callers.calls(2).await;
        assert_eq!(callers.bodies(), before, "kill {kill}: all are hits");
    }
    // And in the midst of them.
    for kill in 1..=KILLS {
        let proxy = Proxy::start(server.port());
        let callers = Callers::patient(&proxy.url());
        callers.warm().await;
        let before = callers.bodies();
        let under_way = async {
            let operations = proxy.operations();
            while proxy.operations() == operations {
                tokio::task::yield_now().await;
            }
            server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        };
        tokio::join!(callers.calls(20), under_way);
        assert_eq!(callers.bodies(), before, "kill {kill} in the midst: all are hits");
    }
}

#[tokio::test]
async fn one_connection_is_made_for_all_who_come_at_once() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let callers = Callers::patient(&proxy.url());
    for round in 1..=5 {
        callers.calls(1).await;
        until("reads and writes have one each", || proxy.connections() == 2 * round).await;
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    }
}

/// Asks a cache on one runtime for all that needs a connection, and counts those that are made. The other cache holds
/// leases.
async fn connections_of_a_runtime(cache: &CacheFence, other: &CacheFence, proxy: &Proxy) {
    let before = proxy.connections();
    let made = || proxy.connections() - before;
    for _ in 0..2 {
        all((0..20).map(|id| async move { cache.entry::<u64>(format!("k{id}")).peek().await }))
            .await;
        until("reads share one, and writes have another", || made() == 2).await;
    }
    for _ in 0..2 {
        all((0..20).map(|id| cache.invalidate(format!("k{id}")))).await;
        cache.entry("k").ttl(TTL).set(&1_u64).await.unwrap();
        assert_eq!(made(), 2, "writes share it");
    }
    for waiters in 1..=2 {
        let stop = Stop::new();
        let holds = other.get_or_set("held", TTL, || async {
            stop.pass().await;
            Ok::<_, Infallible>(1)
        });
        let waits = async {
            stop.reached().await;
            let waiter = cache.clone();
            let load = || ready(Ok::<_, Infallible>(1));
            let waiter = spawn(async move { waiter.get_or_set("held", TTL, load).await });
            until("it waits to be told", || made() >= 3).await;
            stop.go();
            waiter.await.unwrap().unwrap()
        };
        let (held, waited) = tokio::join!(holds, waits);
        assert_eq!((held.unwrap(), waited), (1, 1));
        other.invalidate("held").await.unwrap();
        assert_eq!(made(), 3, "{waiters}: waiters share a third");
    }
}

#[test]
fn a_runtime_has_three_connections() {
    const LONG: Duration = Duration::from_secs(600);
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let builder = |url: &str| {
        let builder = CacheFence::builder().redis(url).op_timeout(DEADLINE).wait_for_lock(LONG);
        builder.lock_timeout(LONG).build_lazy().unwrap()
    };
    let (cache, other) = (builder(&proxy.url()), builder(&server.url()));
    // The connections of a runtime go with it, so all are kept.
    let runtimes = [(); 2].map(|()| Builder::new_current_thread().enable_all().build().unwrap());
    for runtime in &runtimes {
        runtime.block_on(connections_of_a_runtime(&cache, &other, &proxy));
    }
}

#[tokio::test]
async fn a_runtime_has_four_more_where_scripts_are_refused() {
    let server = RedisServer::without_scripts();
    let proxy = Proxy::start(server.port());
    let callers = Callers::patient(&proxy.url());
    for _ in 0..3 {
        all((0..100).map(|id| callers.call(id % 2 == 0, id))).await;
        all((0..100).map(|id| callers.cache.invalidate(format!("row:{id}")))).await;
    }
    let made = proxy.connections();
    assert!(made <= 2 + 4, "{made} connections");
}

/// The callers that wait for the connection give up; it is made all the same, and the next caller uses it. They only
/// read: a lease whose reply was lost would have the next caller wait, over a second connection.
#[tokio::test]
async fn a_connection_that_takes_longer_than_an_operation_may() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let builder = CacheFence::builder().redis(proxy.url()).op_timeout(OP_TIMEOUT);
    let cache = builder.build_lazy().unwrap();
    let entry = cache.entry::<u64>("k");
    // Long enough that the first read of the connection is late, and so short that the next one behind it is not.
    proxy.set(Fault::Delay(OP_TIMEOUT * 5 / 4));
    for _ in 0..2 {
        assert!(entry.peek().await.is_err(), "it is not answered in time");
    }
    proxy.set(Fault::None);
    let answered = async {
        while entry.peek().await.is_err() {
            yield_now().await;
        }
    };
    timeout(DEADLINE, answered).await.expect("the connection is made");
    assert_eq!(proxy.connections(), 2, "one for reads and one for writes");
}

#[tokio::test]
async fn data_that_is_flushed() {
    let server = RedisServer::start();
    let callers = Callers::patient(&server.url());
    callers.warm().await;
    for flush in 1..=5 {
        let before = callers.bodies();
        server.cli(&["FLUSHALL"]);
        callers.calls(2).await;
        assert_eq!(callers.bodies() - before, KEYS, "flush {flush}: one body per key");
    }
}

#[tokio::test]
async fn too_many_clients() {
    let server = RedisServer::start();
    let mut admin = server.connection();
    let callers = Callers::patient(&server.url());
    let mut set = |most: u32| {
        redis::cmd("CONFIG").arg(&["SET", "maxclients"]).arg(most).exec(&mut admin).unwrap();
    };
    set(1);
    callers.is_served("maxclients").await;
    set(1_000);
    callers.heals("maxclients").await;
}

#[tokio::test]
async fn a_server_that_knows_only_the_older_protocol() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    proxy.set(Fault::Resp2Only);
    let callers = Callers::patient(&proxy.url());
    callers.warm().await;
    let newer = format!("{}?protocol=resp3", proxy.url());
    match CacheFence::connect(&newer).await {
        Ok(cache) => Callers::of(cache).warm().await,
        Err(error) => println!("{error}"),
    }
    let callers = Callers::patient(&newer);
    callers.is_served("the newer protocol demanded").await;
}
