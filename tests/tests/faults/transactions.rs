//! A Redis that refuses scripts, far away: each step takes round trips, on connections of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cachefence::store::{Acquire, Health, NewValue, Outcome};
use cachefence::{CacheFence, testing};
use cachefence_tests::{DEADLINE, Fault, Proxy, RedisServer, until};

use super::callers::{TTL, all};

/// How many connections transactions with a condition may have.
const MOST_CONNECTIONS: usize = 4;

const KEYS: usize = 100;

async fn get(cache: &CacheFence, key: &str, bodies: &AtomicU64) {
    let body = async || {
        bodies.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(1)
    };
    cache.get_or_set(key, TTL, body).await.unwrap();
}

/// All the stores together take longer than any of them may.
#[tokio::test]
async fn a_hundred_cold_keys_are_stored_and_hits_go_on() {
    let server = RedisServer::without_scripts();
    let proxy = Proxy::start(server.port());
    let cache = CacheFence::builder().redis(proxy.url()).op_timeout(Duration::from_millis(500));
    let cache = Arc::new(cache.beta(0.0).build().await.unwrap());
    cache.entry::<u32>("warm").ttl(TTL).set(&1).await.unwrap();
    let (bodies, in_vain, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    get(&cache, "warm", &in_vain).await;
    let watched = 1;
    let before = proxy.connections() - watched;

    proxy.set(Fault::Delay(Duration::from_millis(20)));
    let loads = async {
        let names: Vec<_> = (0..KEYS).map(|key| format!("cold:{key}")).collect();
        all(names.iter().map(|name| get(&cache, name, &bodies))).await;
        let stored = || server.scan_keys().iter().filter(|key| key.starts_with("cold")).count();
        until("all are stored", || stored() == KEYS).await;
        done.store(true, Ordering::Relaxed);
    };
    let hits = async {
        let mut hits = 0;
        while !done.load(Ordering::Relaxed) {
            get(&cache, "warm", &in_vain).await;
            hits += 1;
        }
        hits
    };
    let ((), hits) = tokio::join!(loads, hits);
    assert_eq!(bodies.into_inner(), u64::try_from(KEYS).unwrap());
    assert_eq!(in_vain.into_inner(), 0, "of {hits} hits");
    assert_eq!(proxy.connections() - before, MOST_CONNECTIONS);
    assert_eq!(cache.stats().troubles.outage, 0);
    assert_eq!(cache.status().health, Health::Degraded, "without scripts, and not down");
}

#[tokio::test]
async fn a_refused_transaction_costs_no_connection() {
    let server = RedisServer::without_scripts();
    let proxy = Proxy::start(server.port());
    let cache = CacheFence::builder().redis(proxy.url()).op_timeout(DEADLINE).build().await;
    let (store, key, token) =
        (testing::store(&cache.unwrap()), testing::key("k"), testing::token());
    store.acquire(&key, &Acquire::new(token, TTL)).await.unwrap();
    assert!(store.renew(&key, token, TTL).await.unwrap());
    let before = proxy.connections();
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..3 {
        let value = Outcome::Store(NewValue::new("v", TTL));
        assert!(store.finish(&key, &[token], &value).await.is_err());
    }
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(store.finish(&key, &[token], &Outcome::Release).await.unwrap());
    assert_eq!(proxy.connections(), before);
}
