//! A store that cannot be reached or does not answer (G5, G6).

use std::convert::Infallible;
use std::future::ready;
use std::time::{Duration, Instant};

use cachefence::CacheFence;
use cachefence::store::Health;
use cachefence_tests::{DEADLINE, Fault, Proxy, RedisServer, assert_no_locks, is_long, until};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use super::callers::{Callers, KEYS, OP_TIMEOUT, TTL, all};

/// How often the calls of one wave are made while the fault lasts: 240 calls of each phase.
const WAVES: u64 = 6;

/// A server behind a proxy, with a cache that has something to lose.
async fn behind_a_proxy() -> (RedisServer, Proxy, Callers) {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let callers = Callers::new(&proxy.url());
    callers.warm().await;
    (server, proxy, callers)
}

/// Serves calls while the server cannot be used at all: the first ones may wait for it, later ones do
/// not, and none of theirs reaches it.
async fn served_without(what: &str, callers: &Callers, proxy: &Proxy) {
    let before = callers.bodies();
    callers.calls(1).await.assert_bounded(&format!("{what}, first calls"));
    assert!(callers.bodies() > before, "{what}: bodies serve the calls");
    let operations = proxy.operations();
    let later = callers.calls(WAVES).await;
    later.assert_undelayed(&format!("{what}, breaker open"));
    assert!(later.len() >= 200);
    assert_eq!(proxy.operations(), operations, "{what}: the store is left alone");
    assert_eq!(callers.most_at_a_time(), 1, "{what}: one body per key at a time");
}

#[tokio::test]
async fn a_black_hole() {
    let (server, proxy, callers) = behind_a_proxy().await;
    proxy.set(Fault::BlackHole);
    served_without("black hole", &callers, &proxy).await;
    proxy.set(Fault::None);
    callers.heals("black hole").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn resets() {
    let (server, proxy, callers) = behind_a_proxy().await;
    proxy.set(Fault::Reset);
    served_without("reset", &callers, &proxy).await;
    proxy.set(Fault::None);
    callers.heals("reset").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn replies_that_come_too_late() {
    let (server, proxy, callers) = behind_a_proxy().await;
    proxy.set(Fault::Delay(OP_TIMEOUT * 2));
    served_without("delay of twice op_timeout", &callers, &proxy).await;
    proxy.set(Fault::None);
    callers.heals("delay of twice op_timeout").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn replies_that_drip() {
    let (server, proxy, callers) = behind_a_proxy().await;
    // The shortest reply of a hit takes longer than an operation may.
    proxy.set(Fault::Drip(Duration::from_millis(20)));
    served_without("drip", &callers, &proxy).await;
    proxy.set(Fault::None);
    callers.heals("drip").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn replies_that_break_off() {
    let (server, proxy, callers) = behind_a_proxy().await;
    proxy.set(Fault::Truncate);
    served_without("truncated replies", &callers, &proxy).await;
    proxy.set(Fault::None);
    callers.heals("truncated replies").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn a_server_that_is_stopped() {
    let (server, proxy, callers) = behind_a_proxy().await;
    server.pause();
    served_without("SIGSTOP", &callers, &proxy).await;
    server.resume();
    callers.heals("SIGSTOP").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn a_server_that_is_killed() {
    let (mut server, proxy, callers) = behind_a_proxy().await;
    server.kill();
    served_without("SIGKILL", &callers, &proxy).await;
    server.restart();
    callers.heals("SIGKILL").await;
    assert_no_locks(&server);
}

#[tokio::test]
async fn a_server_that_is_killed_while_500_callers_wait() {
    let mut server = RedisServer::start();
    let callers = Callers::new(&server.url());
    callers.warm().await;
    for id in 0..KEYS {
        callers.cache.invalidate(format!("row:{id}")).await.unwrap();
    }
    let calls = all((0..500).map(|caller| callers.call(caller % 2 == 0, caller % KEYS)));
    let kill = async {
        until("a body runs", || callers.bodies() > KEYS).await;
        server.kill();
    };
    let began = Instant::now();
    let both = async { tokio::join!(calls, kill) };
    timeout(Duration::from_secs(30), both).await.expect("all are served");
    println!("500 callers of a server that is killed: served after {:.1?}", began.elapsed());
    assert_eq!(callers.most_at_a_time(), 1);
}

/// The design's figure, and what a busy machine may make of it.
const HEALED: Duration = Duration::from_millis(200);
const NOISE: u32 = 5;

#[tokio::test]
async fn the_first_hit_after_a_restart() {
    let mut server = RedisServer::start();
    let callers = Callers::new(&server.url());
    let mut healed = Vec::new();
    for _ in 0..if is_long() { 10 } else { 3 } {
        callers.warm().await;
        server.kill();
        callers.calls(WAVES).await;
        // Returns when the server says that it is ready, and then it has to answer.
        server.restart();
        assert_eq!(server.cli(&["PING"]), "PONG");
        healed.push(callers.until_a_hit().await);
    }
    healed.sort_unstable();
    println!("first hits after a restart: {healed:.0?}");
    assert!(healed[healed.len() / 2] <= HEALED * NOISE, "{healed:?}");
}

#[tokio::test]
async fn a_breaker_that_is_open_costs_next_to_nothing() {
    const CALLS: u32 = 2_000;
    let (_server, proxy, callers) = behind_a_proxy().await;
    proxy.set(Fault::BlackHole);
    callers.calls(1).await;
    let operations = proxy.operations();
    let mut times = Vec::new();
    for id in 0..CALLS {
        let body = || ready(Ok::<_, Infallible>(id));
        let began = Instant::now();
        callers.cache.get_or_set(format!("k{}", id % 100), TTL, body).await.unwrap();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let [median, p99] = [50, 99].map(|percent| times[times.len() * percent / 100]);
    println!("a call beside its body, breaker open: p50 {median:.1?}, p99 {p99:.1?}");
    assert_eq!(proxy.operations(), operations, "none of them reaches the store");
}

/// A runtime that is only driven while it is asked for something begins a probe, and is asked for nothing any more.
#[test]
fn a_probe_on_a_runtime_that_is_left_is_made_by_another() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let builder = CacheFence::builder().redis(proxy.url()).op_timeout(OP_TIMEOUT);
    let cache = builder.build_lazy().unwrap();
    let get = || cache.get_or_set("k", TTL, || ready(Ok::<_, Infallible>(1)));
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();

    let left = runtime();
    left.block_on(async {
        assert_eq!(get().await.unwrap(), 1);
        proxy.set(Fault::BlackHole);
        while cache.status().health != Health::Down {
            get().await.unwrap();
        }
        let before = proxy.accepted().len();
        while proxy.accepted().len() == before {
            get().await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
    });
    proxy.set(Fault::None);
    let heals = async {
        let begun = Instant::now();
        while cache.status().health == Health::Down {
            get().await.unwrap();
            sleep(Duration::from_millis(10)).await;
        }
        begun.elapsed()
    };
    let healed = runtime().block_on(async { timeout(DEADLINE, heals).await });
    let healed = healed.expect("nobody probes any more");
    println!("another runtime healed the cache after {healed:.1?}");
    assert!(healed < Duration::from_secs(10), "{healed:?}");
    drop(left);
}
