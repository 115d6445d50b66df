//! What every store promises, checked on each of them: in memory, on Redis, and on a Redis that
//! refuses scripts.

mod foreign;
mod refusals;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use cachefence::store::{
    Acquire, Acquired, Health, Key, NewValue, Outcome, Revision, Snapshot, Take, Token,
};
use cachefence::testing::{self, store_contract};
use cachefence::{MemoryStore, Store};
use cachefence_tests::{RULES_WITHOUT_SCRIPTS, RedisServer, assert_no_locks};

const LEASE: Duration = Duration::from_secs(10);

/// A store, and the server that it lives on.
struct Fixture {
    store: Arc<dyn Store>,
    server: RedisServer,
}

async fn redis() -> Fixture {
    on(RedisServer::start()).await
}

async fn redis_without_scripts() -> Fixture {
    let rename = ["--rename-command", "EVALSHA", "", "--rename-command", "EVAL", ""];
    on(RedisServer::builder().args(rename).start()).await
}

async fn redis_with_scripts_forbidden() -> Fixture {
    on(RedisServer::builder().rules(format!("~* {RULES_WITHOUT_SCRIPTS}")).start()).await
}

async fn on(server: RedisServer) -> Fixture {
    let cache = server.cache().await;
    Fixture { store: testing::store(&cache), server }
}

fn key(name: &str) -> Key {
    testing::key(name)
}

fn value(payload: &'static str) -> NewValue {
    NewValue::new(payload, Duration::from_secs(60)).delta(Duration::from_millis(50))
}

fn stored(payload: &'static str) -> Outcome {
    Outcome::Store(value(payload))
}

async fn read(store: &Arc<dyn Store>, key: &Key) -> Option<Snapshot> {
    store.read(key).await.unwrap()
}

/// Takes a slot, if it is given one.
async fn take(
    store: &Arc<dyn Store>,
    key: &Key,
    take: Take,
    seen: Option<Revision>,
) -> Option<Token> {
    let token = testing::token();
    let request = Acquire::new(token, LEASE).take(take).seen(seen);
    let acquired = store.acquire(key, &request).await.unwrap();
    matches!(acquired, Acquired::Lease).then_some(token)
}

async fn acquire(store: &Arc<dyn Store>, key: &Key, seen: Option<Revision>) -> Option<Token> {
    take(store, key, Take::IfFree, seen).await
}

/// Puts `value` there, whoever holds the slots, and returns its revision.
async fn put(store: &Arc<dyn Store>, key: &Key, value: NewValue) -> Option<Revision> {
    let token = take(store, key, Take::Force, None).await.unwrap();
    assert!(store.finish(key, &[token], &Outcome::Store(value)).await.unwrap());
    read(store, key).await.map(|found| found.revision)
}

#[tokio::test]
async fn a_memory_store_keeps_the_contract() {
    store_contract(&MemoryStore::default()).await;
}

async fn the_contract(Fixture { store, server }: Fixture) {
    store_contract(&*store).await;
    server.scan_keys().iter().for_each(|key| {
        let left = server.cli(&["PTTL", key]).parse::<i64>().unwrap();
        assert!(left == -2 || left >= 0, "{key} never ends");
    });
}

async fn the_server_ends_what_nobody_cleans_up(Fixture { store, server }: Fixture) {
    let key = key("k");
    let pttl = |name: &str| server.cli(&["PTTL", name]).parse::<i64>().unwrap();
    let token = acquire(&store, &key, None).await.unwrap();
    take(&store, &key, Take::Beside, None).await.unwrap();
    assert!((1..=10_000).contains(&pttl(&key.lease_name())));
    assert!((1..=10_000).contains(&pttl(&key.hedge_name())));
    store.finish(&key, &[token], &stored("v")).await.unwrap();
    assert_no_locks(&server);
    assert!((1..=60_000).contains(&pttl(key.as_str())));
    put(&store, &key, value("v").stale(Duration::from_secs(30))).await;
    assert!((60_001..=90_000).contains(&pttl(key.as_str())));
    let longest = Duration::from_millis(1 << 53);
    for stale in [Duration::ZERO, Duration::from_secs(1), longest, Duration::MAX] {
        put(&store, &key, value("v").ttl(longest).stale(stale)).await;
        assert!((1..=1 << 53).contains(&pttl(key.as_str())));
    }
    for (ttl, stale) in [(1, 0), (1, 1), (999, 1)] {
        let [ttl, stale] = [ttl, stale].map(Duration::from_millis);
        let token = take(&store, &key, Take::Force, None).await.unwrap();
        let brief = Outcome::Store(value("v").ttl(ttl).stale(stale));
        store.finish(&key, &[token], &brief).await.unwrap();
        let left = pttl(key.as_str());
        assert!(left == -2 || (0..=1_000).contains(&left), "gone, or soon: {left}");
    }
    let token = take(&store, &key, Take::Force, None).await.unwrap();
    let mark = Outcome::Uncacheable(Duration::from_secs(1));
    store.invalidate(std::slice::from_ref(&key)).await.unwrap();
    assert!(!store.finish(&key, &[token], &mark).await.unwrap());
    let token = acquire(&store, &key, None).await.unwrap();
    assert!(store.finish(&key, &[token], &mark).await.unwrap());
    assert!((1..=1_000).contains(&pttl(key.as_str())));
}

async fn what_is_held_off_keeps_its_life(Fixture { store, server }: Fixture) {
    let key = key("k");
    for outcome in [Outcome::Postpone(LEASE), Outcome::Uncacheable(LEASE)] {
        let seen = put(&store, &key, value("v")).await;
        let token = acquire(&store, &key, seen).await.unwrap();
        assert!(store.finish(&key, &[token], &outcome).await.unwrap());
        let left = server.cli(&["PTTL", key.as_str()]).parse::<i64>().unwrap();
        assert!((1..=60_000).contains(&left), "{outcome:?}: {left}");
        assert_no_locks(&server);
    }
}

async fn keys_are_invalidated_in_one_round_trip_and_each_for_itself(
    Fixture { store, server }: Fixture,
) {
    let keys = ["a", "b", "c"].map(key);
    for key in &keys {
        put(&store, key, value("v")).await;
    }
    server.reset_stats();
    store.invalidate(&keys).await.unwrap();
    assert_eq!(server.command_count("del"), 3);
    assert_eq!(server.scan_keys(), [""; 0]);
}

async fn a_store_says_how_it_is(Fixture { store, server }: Fixture) {
    let key = key("k");
    let token = acquire(&store, &key, None).await.unwrap();
    // A store that runs no scripts does not do all that it is asked.
    let all = if store.status().scripts { Health::Up } else { Health::Degraded };
    assert_eq!((store.status().health, store.status().writes), (all, true));
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(store.finish(&key, &[token], &stored("v")).await.is_err());
    assert_eq!((store.status().health, store.status().writes), (Health::Degraded, false));
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    put(&store, &key, value("v")).await;
    assert_eq!((store.status().health, store.status().writes), (all, true));
    drop(server);
    while store.status().health != Health::Down {
        assert!(store.read(&key).await.is_err());
    }
}

macro_rules! on_each {
    ($($store:ident),* => $tests:tt) => {$( on_each!(@ $store $tests); )*};
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

use foreign::{
    a_slot_that_is_written_over_is_lost, an_entry_that_outlives_its_life_gives_way,
    foreign_data_is_no_entry_and_no_slot, holding_off_changes_nothing_but_entries,
};
use refusals::{
    a_full_server_says_so, a_replica_says_so, a_server_that_cannot_save_says_so,
    a_server_that_forbids_a_command_says_so, a_server_that_forbids_a_look_says_so,
    a_server_without_replicas_says_so,
};

on_each!(redis, redis_without_scripts, redis_with_scripts_forbidden => [
    the_contract,
    foreign_data_is_no_entry_and_no_slot,
    a_slot_that_is_written_over_is_lost,
    an_entry_that_outlives_its_life_gives_way,
    holding_off_changes_nothing_but_entries,
    the_server_ends_what_nobody_cleans_up,
    what_is_held_off_keeps_its_life,
    keys_are_invalidated_in_one_round_trip_and_each_for_itself,
    a_store_says_how_it_is,
    a_full_server_says_so,
    a_replica_says_so,
    a_server_without_replicas_says_so,
    a_server_that_cannot_save_says_so,
    a_server_that_forbids_a_command_says_so,
    a_server_that_forbids_a_look_says_so,
]);
