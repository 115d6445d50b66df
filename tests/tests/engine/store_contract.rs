//! What every store promises, checked on each of them: in memory, on Redis, and on a Redis that
//! refuses scripts.

mod foreign;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachefence::__private::testing;
use cachefence::{Acquired, CacheFence, Key, MemoryStore, NewValue, Revision, Snapshot, Store};
use cachefence_tests::RedisServer;

use self::foreign::{
    a_lock_that_is_written_over_is_lost, an_empty_value_is_an_entry,
    foreign_data_is_no_entry_and_no_lock, postponing_marks_nothing_but_entries,
};

const LEASE: Duration = Duration::from_secs(10);

/// A store, and the server that it lives on.
struct Fixture {
    store: Arc<dyn Store>,
    server: Option<RedisServer>,
}

async fn memory() -> Fixture {
    let cache = CacheFence::builder().store(MemoryStore::default()).build().await.unwrap();
    Fixture { store: testing::store(&cache), server: None }
}

async fn redis() -> Fixture {
    on(RedisServer::start()).await
}

async fn redis_without_scripts() -> Fixture {
    let rename = ["--rename-command", "EVALSHA", "", "--rename-command", "EVAL", ""];
    on(RedisServer::builder().args(rename).start()).await
}

async fn redis_with_scripts_forbidden() -> Fixture {
    on(RedisServer::builder()
        .args(["--user", "default", "on", "nopass", "~*", "&*", "+@all", "-@scripting"])
        .start())
    .await
}

async fn on(server: RedisServer) -> Fixture {
    let cache = CacheFence::connect(server.url()).await.unwrap();
    Fixture { store: testing::store(&cache), server: Some(server) }
}

fn key(name: &str) -> Key {
    testing::key(name)
}

fn value(payload: &'static str) -> NewValue {
    NewValue {
        payload: Bytes::from_static(payload.as_bytes()),
        delta: Duration::from_millis(50),
        ttl: Duration::from_secs(60),
        stale: Duration::ZERO,
    }
}

async fn read(store: &Arc<dyn Store>, key: &Key) -> Option<Snapshot> {
    store.read(key).await.unwrap()
}

/// Puts `value` there, whoever holds the lock, and returns its version.
async fn put(store: &Arc<dyn Store>, key: &Key, value: &NewValue) -> Option<Revision> {
    let token = testing::token();
    store.seize(key, &token, LEASE).await.unwrap();
    assert!(store.fill(key, &token, value).await.unwrap());
    read(store, key).await.map(|found| found.revision)
}

async fn acquire(
    store: &Arc<dyn Store>,
    key: &Key,
    seen: Option<Revision>,
) -> Option<cachefence::Token> {
    let token = testing::token();
    let acquired = store.acquire(key, &token, LEASE, seen).await.unwrap();
    matches!(acquired, Acquired::Lease).then_some(token)
}

async fn an_entry_round_trips(Fixture { store, .. }: Fixture) {
    let key = key("k");
    assert!(read(&store, &key).await.is_none());
    put(&store, &key, &value("v")).await;
    let found = read(&store, &key).await.unwrap();
    assert_eq!(found.payload, "v");
    assert_eq!(found.delta, Duration::from_millis(50));
    let left = found.expiry.since(found.now).unwrap();
    // The store's clock is known to a round trip.
    assert!(left.abs_diff(Duration::from_secs(60)) < Duration::from_secs(10), "{left:?}");
}

async fn an_entry_expires(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let brief = NewValue { ttl: Duration::from_millis(1), ..value("v") };
    put(&store, &key, &brief).await;
    let gone = async {
        while read(&store, &key).await.is_some_and(|found| found.expiry > found.now) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

async fn one_flight_holds_the_lock(Fixture { store, .. }: Fixture) {
    let key = key("k");
    acquire(&store, &key, None).await.expect("it is free");
    let second = store.acquire(&key, &testing::token(), LEASE, None).await.unwrap();
    let Acquired::Held { remaining } = second else { panic!("{second:?}") };
    assert!(remaining <= LEASE && remaining > LEASE / 2, "{remaining:?}");
}

async fn a_token_is_given_one_lease(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let token = testing::token();
    let acquired = store.acquire(&key, &token, LEASE, None).await.unwrap();
    assert!(matches!(acquired, Acquired::Lease), "{acquired:?}");
    // A request that was repeated on its way is not a second right to rebuild.
    let acquired = store.acquire(&key, &token, LEASE, None).await.unwrap();
    assert!(matches!(acquired, Acquired::Held { .. }), "{acquired:?}");
}

async fn a_newer_entry_is_returned_instead_of_a_lease(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let old = put(&store, &key, &value("old")).await;
    assert!(acquire(&store, &key, old).await.is_some(), "what it saw is still there");
    let new = put(&store, &key, &value("new")).await;
    for seen in [None, old] {
        let acquired = store.acquire(&key, &testing::token(), LEASE, seen).await.unwrap();
        let Acquired::Newer(found) = acquired else { panic!("{acquired:?}") };
        assert_eq!((found.payload, Some(found.revision)), (Bytes::from_static(b"new"), new));
    }
    assert!(acquire(&store, &key, new).await.is_some(), "asking left no lock behind");
}

async fn filling_stores_and_releases(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let token = acquire(&store, &key, None).await.unwrap();
    assert!(store.fill(&key, &token, &value("v")).await.unwrap());
    let found = read(&store, &key).await.unwrap();
    assert_eq!(found.payload, "v");
    assert!(acquire(&store, &key, Some(found.revision)).await.is_some());
    assert!(!store.fill(&key, &token, &value("again")).await.unwrap(), "a lease fills once");
}

async fn only_the_holder_fills(Fixture { store, .. }: Fixture) {
    let key = key("k");
    assert!(!store.fill(&key, &testing::token(), &value("no lock")).await.unwrap());
    acquire(&store, &key, None).await.unwrap();
    assert!(!store.fill(&key, &testing::token(), &value("not mine")).await.unwrap());
    assert!(read(&store, &key).await.is_none());
}

async fn invalidation_voids_the_lease(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let token = acquire(&store, &key, None).await.unwrap();
    store.invalidate(&key).await.unwrap();
    assert!(!store.fill(&key, &token, &value("too late")).await.unwrap());
    assert!(read(&store, &key).await.is_none());

    put(&store, &key, &value("v")).await;
    store.invalidate(&key).await.unwrap();
    assert!(read(&store, &key).await.is_none());
}

async fn seizing_takes_the_lock_from_its_holder(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let first = acquire(&store, &key, None).await.unwrap();
    let second = testing::token();
    store.seize(&key, &second, LEASE).await.unwrap();
    assert!(!store.fill(&key, &first, &value("too late")).await.unwrap());
    assert!(!store.release(&key, &first).await.unwrap());
    assert!(store.fill(&key, &second, &value("v")).await.unwrap());
    assert_eq!(read(&store, &key).await.unwrap().payload, "v");
}

async fn only_the_holder_releases(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let token = acquire(&store, &key, None).await.unwrap();
    assert!(!store.release(&key, &testing::token()).await.unwrap());
    assert!(acquire(&store, &key, None).await.is_none(), "somebody else's release changed nothing");
    assert!(store.release(&key, &token).await.unwrap());
    assert!(acquire(&store, &key, None).await.is_some());
}

async fn only_the_holder_renews(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let token = testing::token();
    store.acquire(&key, &token, Duration::from_millis(500), None).await.unwrap();
    assert!(!store.renew(&key, &testing::token(), LEASE).await.unwrap());
    assert!(store.renew(&key, &token, LEASE).await.unwrap());
    let second = store.acquire(&key, &testing::token(), LEASE, None).await.unwrap();
    let Acquired::Held { remaining } = second else { panic!("{second:?}") };
    assert!(remaining > Duration::from_secs(1), "{remaining:?}");
    assert!(store.release(&key, &token).await.unwrap());
    assert!(!store.renew(&key, &token, LEASE).await.unwrap());
}

async fn a_lease_ends_by_itself(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let dead = testing::token();
    store.acquire(&key, &dead, Duration::from_millis(5), None).await.unwrap();
    let token = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Some(token) = acquire(&store, &key, None).await {
                return token;
            }
        }
    });
    let token = token.await.unwrap();
    assert!(!store.fill(&key, &dead, &value("too late")).await.unwrap());
    assert!(store.fill(&key, &token, &value("v")).await.unwrap());
}

async fn the_server_ends_what_nobody_cleans_up(Fixture { store, server }: Fixture) {
    let Some(server) = server else { return };
    let key = key("k");
    let pttl = |name: &str| server.cli(&["PTTL", name]).parse::<i64>().unwrap();
    let token = acquire(&store, &key, None).await.unwrap();
    assert!((1..=10_000).contains(&pttl(&key.lease_name())));
    store.fill(&key, &token, &value("v")).await.unwrap();
    assert!((1..=60_000).contains(&pttl(key.as_str())));
    let stale = NewValue { stale: Duration::from_secs(30), ..value("v") };
    put(&store, &key, &stale).await;
    assert!((60_001..=90_000).contains(&pttl(key.as_str())));
    let longest = Duration::from_millis(1 << 53);
    for stale in [Duration::ZERO, Duration::from_secs(1), longest, Duration::MAX] {
        put(&store, &key, &NewValue { ttl: longest, stale, ..value("v") }).await;
        assert!((1..=1 << 53).contains(&pttl(key.as_str())));
    }
    for (ttl, stale) in [(1, 0), (1, 1), (999, 1)] {
        let [ttl, stale] = [ttl, stale].map(Duration::from_millis);
        let token = testing::token();
        store.seize(&key, &token, LEASE).await.unwrap();
        store.fill(&key, &token, &NewValue { ttl, stale, ..value("v") }).await.unwrap();
        let left = pttl(key.as_str());
        assert!(left == -2 || (0..=1_000).contains(&left), "gone, or soon: {left}");
    }
}

async fn a_stale_entry_is_kept_for_its_window(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let brief = NewValue { ttl: Duration::from_millis(1), stale: LEASE, ..value("v") };
    let version = put(&store, &key, &brief).await;
    let expired = async {
        loop {
            let found = read(&store, &key).await.expect("it is kept");
            if found.expiry <= found.now {
                break found;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(10), expired).await.unwrap();
    assert_eq!((found.payload, Some(found.revision)), (Bytes::from_static(b"v"), version));
    assert!(acquire(&store, &key, version).await.is_some(), "it may be rebuilt");
}

async fn postponing_marks_the_entry_and_releases(Fixture { store, server }: Fixture) {
    let key = key("k");
    let old = put(&store, &key, &value("v")).await;
    let token = acquire(&store, &key, old).await.unwrap();
    let pause = Duration::from_secs(20);
    assert!(store.postpone(&key, &token, pause).await.unwrap());
    let found = read(&store, &key).await.unwrap();
    let left = found.retry_at.and_then(|retry_at| retry_at.since(found.now)).unwrap();
    assert!(left <= pause + LEASE && left > pause / 2, "{left:?}");
    assert_eq!((found.payload, found.delta), (Bytes::from_static(b"v"), value("v").delta));
    assert_ne!(Some(found.revision), old, "those who wait for a change see it");
    let left = found.expiry.since(found.now).unwrap();
    assert!(left > Duration::from_secs(50), "its life is what it was: {left:?}");
    if let Some(server) = &server {
        let left = server.cli(&["PTTL", key.as_str()]).parse::<i64>().unwrap();
        assert!((1..=60_000).contains(&left), "{left}");
    }
    assert!(acquire(&store, &key, Some(found.revision)).await.is_some(), "the lock is free");
}

async fn only_the_holder_postpones(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let old = put(&store, &key, &value("v")).await;
    let token = acquire(&store, &key, old).await.unwrap();
    assert!(!store.postpone(&key, &testing::token(), LEASE).await.unwrap());
    assert_eq!(read(&store, &key).await.unwrap().retry_at, None);
    store.invalidate(&key).await.unwrap();
    assert!(!store.postpone(&key, &token, LEASE).await.unwrap());
    assert!(read(&store, &key).await.is_none());
}

async fn postponing_without_an_entry_only_releases(Fixture { store, server }: Fixture) {
    let key = key("k");
    let token = acquire(&store, &key, None).await.unwrap();
    assert!(store.postpone(&key, &token, LEASE).await.unwrap());
    assert!(read(&store, &key).await.is_none());
    if let Some(server) = &server {
        assert_eq!(server.cli(&["EXISTS", key.as_str()]), "0", "nothing is left that never ends");
    }
    assert!(acquire(&store, &key, None).await.is_some());
}

macro_rules! contract {
    ($($store:ident),* => $tests:tt) => {$( contract!(@ $store $tests); )*};
    (@ $store:ident [$($test:ident),* $(,)?]) => {
        mod $store {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::$store().await).await;
                }
            )*
        }
    };
}

contract!(memory, redis, redis_without_scripts, redis_with_scripts_forbidden => [
    an_entry_round_trips,
    an_entry_expires,
    one_flight_holds_the_lock,
    a_token_is_given_one_lease,
    a_newer_entry_is_returned_instead_of_a_lease,
    filling_stores_and_releases,
    only_the_holder_fills,
    invalidation_voids_the_lease,
    seizing_takes_the_lock_from_its_holder,
    only_the_holder_releases,
    only_the_holder_renews,
    a_lease_ends_by_itself,
    foreign_data_is_no_entry_and_no_lock,
    an_empty_value_is_an_entry,
    a_lock_that_is_written_over_is_lost,
    postponing_marks_nothing_but_entries,
    the_server_ends_what_nobody_cleans_up,
    a_stale_entry_is_kept_for_its_window,
    postponing_marks_the_entry_and_releases,
    only_the_holder_postpones,
    postponing_without_an_entry_only_releases,
]);
