//! G12: what a hit and a cold load cost, by the server's own counts.
//!
//! The server counts the commands that a script runs like those that a client sends, so the sums
//! here are upper bounds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachefence_tests::{Loads, RedisServer};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const TTL: Duration = Duration::from_secs(60);

fn stats(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(command, count)| ((*command).to_owned(), *count)).collect()
}

async fn load() -> Result<u32, std::io::Error> {
    Ok(1)
}

#[tokio::test]
async fn a_hit_is_one_command() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    cache.get_or_set("k", TTL, load).await.unwrap();
    server.reset_stats();
    for _ in 0..100 {
        cache.get_or_set("k", TTL, load).await.unwrap();
    }
    assert_eq!(server.command_stats(), stats(&[("get", 100)]));
}

#[tokio::test]
async fn a_cold_load_is_three_round_trips() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    server.reset_stats();
    cache.get_or_set("k", TTL, load).await.unwrap();
    let expected = [
        ("get", 1),      // the read
        ("mget", 1 + 1), // entry and slots in `acquire.lua`; the slots in `finish.lua`
        ("evalsha", 2),
        ("set", 2),
        ("del", 1),
    ];
    assert_eq!(server.command_stats(), stats(&expected));
}

#[tokio::test]
async fn an_invalidation_is_one_command() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    server.reset_stats();
    cache.invalidate("k").await.unwrap();
    assert_eq!(server.command_stats(), stats(&[("del", 1)]));
}

#[tokio::test]
async fn without_a_clock_the_read_brings_the_time_along() {
    let server = RedisServer::start();
    let writer = server.cache().await;
    writer.get_or_set("k", TTL, load).await.unwrap();
    let lazy = server.cache_builder().build_lazy().unwrap();
    server.reset_stats();
    lazy.get_or_set("k", TTL, load).await.unwrap();
    lazy.get_or_set("k", TTL, load).await.unwrap();
    let counts = server.command_stats();
    assert_eq!((counts["get"], counts["time"]), (2, 1), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_callers_behind_a_slow_load_send_at_most_twelve_commands() {
    const CALLERS: u32 = 500;
    let server = RedisServer::start();
    let cache = server.cache().await;
    server.reset_stats();
    let begun = Instant::now();
    let (loads, arrived) = (Loads::default(), Arc::new(Semaphore::new(0)));
    let mut calls = JoinSet::new();
    for _ in 0..CALLERS {
        let (cache, loads, arrived) = (cache.clone(), loads.clone(), Arc::clone(&arrived));
        calls.spawn(async move {
            arrived.add_permits(1);
            let load = || async {
                let _running = loads.begin();
                let _all = arrived.acquire_many(CALLERS).await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
                load().await
            };
            cache.get_or_set("k", TTL, load).await.unwrap()
        });
    }
    calls.join_all().await;
    assert_eq!(loads.count(), 1);
    let counts = server.command_stats();
    let time = counts.get("time").copied().unwrap_or(0);
    // The lease is renewed once in a second, and more often on a machine on which it takes longer until all have come.
    let renewals = counts["evalsha"] - 2;
    assert!(time <= 1 && renewals <= begun.elapsed().as_secs() * 3 / 2 + 1, "{counts:?}");
    // With two threads, a second read may begin before the caller of the first one has entered its flight.
    assert!(counts.values().sum::<u64>() <= 8 + 1 + 3 * renewals, "{counts:?}");
}
