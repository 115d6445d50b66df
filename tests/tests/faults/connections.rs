//! Connections that the server ends, refuses or cannot speak over, and data that is gone with them.

use cachefence::CacheFence;
use cachefence_tests::{DEADLINE, Fault, Proxy, RedisServer, assert_no_locks};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::callers::{Callers, KEYS, OP_TIMEOUT};
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
        assert_eq!(
            proxy.connections(),
            round + 1,
            "one for writes; for reads as often as it was lost"
        );
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    }
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
    proxy.set(Fault::Delay(OP_TIMEOUT * 3 / 2));
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
    assert_eq!(proxy.connections(), 1);
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
