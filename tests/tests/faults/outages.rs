//! A store that cannot be reached or does not answer (G5, G6).

use std::convert::Infallible;
use std::future::ready;
use std::time::{Duration, Instant};

use cachefence_tests::{Fault, Proxy, RedisServer, assert_no_locks};
use tokio::time::timeout;

use super::desk::{Desk, KEYS, OP_TIMEOUT, TTL, all};

/// How often the calls of one wave are made while the fault lasts: 240 calls of each phase.
const WAVES: u64 = 6;

/// A server behind a proxy, with a cache that has something to lose.
async fn behind_a_proxy() -> (RedisServer, Proxy, Desk) {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let desk = Desk::new(&proxy.url());
    desk.warm().await;
    (server, proxy, desk)
}

/// Serves calls while the server cannot be used at all: the first ones may wait for it, later ones do
/// not, and none of theirs reaches it.
async fn served_without(what: &str, desk: &Desk, proxy: &Proxy) {
    let before = desk.bodies();
    desk.calls(1).await.assert_bounded(&format!("{what}, first calls"));
    assert!(desk.bodies() > before, "{what}: bodies serve the calls");
    let operations = proxy.operations();
    let later = desk.calls(WAVES).await;
    later.assert_undelayed(&format!("{what}, breaker open"));
    assert!(later.len() >= 200);
    assert_eq!(proxy.operations(), operations, "{what}: the store is left alone");
    assert_eq!(desk.most_at_a_time(), 1, "{what}: one body per key at a time");
}

#[tokio::test]
async fn a_black_hole() {
    let (server, proxy, desk) = behind_a_proxy().await;
    proxy.set(Fault::BlackHole);
    served_without("black hole", &desk, &proxy).await;
    proxy.set(Fault::None);
    desk.heals("black hole").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn resets() {
    let (server, proxy, desk) = behind_a_proxy().await;
    proxy.set(Fault::Reset);
    served_without("reset", &desk, &proxy).await;
    proxy.set(Fault::None);
    desk.heals("reset").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn replies_that_come_too_late() {
    let (server, proxy, desk) = behind_a_proxy().await;
    proxy.set(Fault::Delay(OP_TIMEOUT * 2));
    served_without("delay of twice op_timeout", &desk, &proxy).await;
    proxy.set(Fault::None);
    desk.heals("delay of twice op_timeout").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn replies_that_drip() {
    let (server, proxy, desk) = behind_a_proxy().await;
    // The shortest reply of a hit takes longer than an operation may.
    proxy.set(Fault::Drip(Duration::from_millis(20)));
    served_without("drip", &desk, &proxy).await;
    proxy.set(Fault::None);
    desk.heals("drip").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn replies_that_break_off() {
    let (server, proxy, desk) = behind_a_proxy().await;
    proxy.set(Fault::Truncate);
    served_without("truncated replies", &desk, &proxy).await;
    proxy.set(Fault::None);
    desk.heals("truncated replies").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn a_server_that_is_stopped() {
    let (server, proxy, desk) = behind_a_proxy().await;
    server.pause();
    served_without("SIGSTOP", &desk, &proxy).await;
    server.resume();
    desk.heals("SIGSTOP").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn a_server_that_is_killed() {
    let (mut server, proxy, desk) = behind_a_proxy().await;
    server.kill();
    served_without("SIGKILL", &desk, &proxy).await;
    server.restart();
    desk.heals("SIGKILL").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn a_server_that_is_killed_while_500_callers_wait() {
    let mut server = RedisServer::start();
    let desk = Desk::new(&server.url());
    desk.warm().await;
    for id in 0..KEYS {
        desk.cache.invalidate(format!("row:{id}")).await.unwrap();
    }
    let callers = all((0..500).map(|caller| desk.call(caller % 2 == 0, caller % KEYS)));
    let kill = async {
        while desk.bodies() == KEYS {
            tokio::task::yield_now().await;
        }
        server.kill();
    };
    let began = Instant::now();
    let both = async { tokio::join!(callers, kill) };
    timeout(Duration::from_secs(30), both).await.expect("all are served");
    println!("500 callers of a server that is killed: served after {:.1?}", began.elapsed());
    assert_eq!(desk.most_at_a_time(), 1);
}

/// The design's figure, and what a busy machine may make of it.
const HEALED: Duration = Duration::from_millis(200);
const NOISE: u32 = 5;

#[tokio::test]
async fn the_first_hit_after_a_restart() {
    let long = std::env::var_os("CACHEFENCE_LONG").is_some();
    let mut server = RedisServer::start();
    let desk = Desk::new(&server.url());
    let mut healed = Vec::new();
    for _ in 0..if long { 10 } else { 3 } {
        desk.warm().await;
        server.kill();
        desk.calls(WAVES).await;
        // Returns when the server says that it is ready, and then it has to answer.
        server.restart();
        assert_eq!(server.cli(&["PING"]), "PONG");
        healed.push(desk.until_a_hit().await);
    }
    healed.sort_unstable();
    println!("first hits after a restart: {healed:.0?}");
    assert!(healed[healed.len() / 2] <= HEALED * NOISE, "{healed:?}");
}

#[tokio::test]
async fn a_breaker_that_is_open_costs_next_to_nothing() {
    const CALLS: u32 = 2_000;
    let (_server, proxy, desk) = behind_a_proxy().await;
    proxy.set(Fault::BlackHole);
    desk.calls(1).await;
    let operations = proxy.operations();
    let mut times = Vec::new();
    for id in 0..CALLS {
        let body = || ready(Ok::<_, Infallible>(id));
        let began = Instant::now();
        desk.cache.get_or_set(format!("k{}", id % 100), TTL, body).await.unwrap();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let [median, p99] = [50, 99].map(|percent| times[times.len() * percent / 100]);
    println!("a call beside its body, breaker open: p50 {median:.1?}, p99 {p99:.1?}");
    assert_eq!(proxy.operations(), operations, "none of them reaches the store");
}
