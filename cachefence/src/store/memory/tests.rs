//! Tests of what is exact in the memory store, and of what only the store itself can see.

use super::*;
use crate::chance::Chance;

const LEASE: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_micros(1);

fn key(name: &str) -> Key {
    Key::new("", name.to_owned(), None).0
}

fn token() -> Token {
    Token::random(&Chance::default())
}

async fn acquire(store: &MemoryStore, key: &Key, take: Take) -> Option<Token> {
    let token = token();
    let acquired = store.acquire(key, &Acquire::new(token, LEASE).take(take)).await.unwrap();
    matches!(acquired, Acquired::Lease).then_some(token)
}

#[tokio::test(start_paused = true)]
async fn slots_that_nobody_gave_back_are_swept() {
    let store = MemoryStore::default();
    for name in 0..1_000 {
        acquire(&store, &key(&name.to_string()), Take::Force).await.unwrap();
        tokio::time::advance(LEASE).await;
    }
    assert!(store.state().slots.len() < 100, "{}", store.state().slots.len());
}

#[tokio::test(start_paused = true)]
async fn a_term_ends_to_the_tick() {
    let store = MemoryStore::default();
    let key = key("k");
    let first = acquire(&store, &key, Take::Force).await.unwrap();
    tokio::time::advance(LEASE.saturating_sub(TICK)).await;
    assert!(acquire(&store, &key, Take::IfFree).await.is_none());
    assert!(store.renew(&key, first, LEASE).await.unwrap());
    tokio::time::advance(LEASE).await;
    assert!(!store.renew(&key, first, LEASE).await.unwrap());
    assert!(acquire(&store, &key, Take::IfFree).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_gone_to_the_tick() {
    let store = MemoryStore::default();
    let key = key("k");
    let value = Outcome::Store(NewValue::new("v", LEASE).stale(LEASE));
    let token = acquire(&store, &key, Take::Force).await.unwrap();
    assert!(store.finish(&key, &[token], &value).await.unwrap());
    tokio::time::advance((LEASE * 2).saturating_sub(TICK)).await;
    assert!(store.read(&key).await.unwrap().is_some());
    tokio::time::advance(TICK).await;
    assert!(store.read(&key).await.unwrap().is_none());
}

/// Stores a value of `bytes` bytes that is kept for `ttl`.
async fn store_value(store: &MemoryStore, name: &str, bytes: usize, ttl: Duration) {
    let (key, value) = (key(name), NewValue::new(vec![b'x'; bytes], ttl));
    let token = acquire(store, &key, Take::Force).await.unwrap();
    assert!(store.finish(&key, &[token], &Outcome::Store(value)).await.unwrap());
}

fn expiries(store: &MemoryStore) -> usize {
    lock(&store.state).expiries.len()
}

#[tokio::test]
async fn the_tables_keep_to_their_share() {
    for bytes in [100_000, 1 << 20, 5 << 20] {
        let store = MemoryStore::with_bytes(bytes);
        assert_eq!(store.entries.memory_used().total(), 0, "nothing is made room for in advance");
        for name in 0..bytes / 100 {
            store_value(&store, &name.to_string(), 1, LEASE).await;
        }
        let (tables, weight) = (store.entries.memory_used().total() as u64, store.entries.weight());
        assert!(tables <= bytes / 4, "{bytes}: {tables}");
        assert!(tables + weight <= bytes, "{bytes}: {tables} + {weight}");
        // What is set aside for the tables is what they use.
        assert!(tables >= bytes / 12, "{bytes}: {tables}");
        assert!(weight >= bytes / 2, "{bytes}: {weight}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_stands_among_the_expiries_exactly_as_long_as_it_is_there() {
    let store = MemoryStore::with_bytes(100_000);
    for round in 0..3_000_u32 {
        let name = (round * 7 % 301).to_string();
        match round % 11 {
            0 => store.invalidate(&[key(&name)]).await.unwrap(),
            // Larger than what the store keeps.
            1 => store_value(&store, &name, 200_000, LEASE).await,
            2 => {
                let (key, postpone) = (key(&name), Outcome::Postpone(LEASE));
                let token = acquire(&store, &key, Take::Force).await.unwrap();
                assert!(store.finish(&key, &[token], &postpone).await.unwrap());
            }
            _ => store_value(&store, &name, (round % 2_000) as usize, TICK * 300).await,
        }
        tokio::time::advance(TICK * (round % 3)).await;
        assert_eq!(expiries(&store), store.entries.len(), "round {round}");
    }
    assert!(store.entries.len() > 10);
    tokio::time::advance(LEASE).await;
    for _ in 0..10 {
        store.invalidate(&[]).await.unwrap();
    }
    assert_eq!((expiries(&store), store.entries.len(), store.entries.weight()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_operation_removes_no_more_than_a_few_expired_entries() {
    let store = MemoryStore::default();
    for name in 0..200 {
        store_value(&store, &name.to_string(), 1, LEASE).await;
    }
    tokio::time::advance(LEASE).await;
    store.invalidate(&[]).await.unwrap();
    assert_eq!(store.entries.len(), 136);
    assert!(store.read(&key("nothing")).await.unwrap().is_none());
    assert_eq!(store.entries.len(), 72);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_read_as_it_was_written() {
    let store = MemoryStore::default();
    let key = key("k");
    let [ttl, stale, delta] =
        [5_000_000_001, 7_000_000_000, 1_500_000_003].map(Duration::from_nanos);
    let value = NewValue::new("value", ttl).stale(stale).delta(delta);
    let token = acquire(&store, &key, Take::Force).await.unwrap();
    assert!(store.finish(&key, &[token], &Outcome::Store(value)).await.unwrap());
    let found = store.read(&key).await.unwrap().unwrap();
    assert_eq!((&found.payload[..], found.kind), (&b"value"[..], Kind::Value));
    assert_eq!((found.life, found.delta, found.retry_at), (ttl, delta, None));
    assert_eq!(found.expiry.since(found.now), Some(Duration::from_secs(5)));

    let token = acquire(&store, &key, Take::Force).await.unwrap();
    assert!(store.finish(&key, &[token], &Outcome::Postpone(stale)).await.unwrap());
    let held_off = store.read(&key).await.unwrap().unwrap();
    assert_eq!(held_off.retry_at.and_then(|at| at.since(held_off.now)), Some(stale));
    assert_ne!(held_off.revision, found.revision);
    assert_eq!((held_off.life, held_off.delta, held_off.expiry), (ttl, delta, found.expiry));

    store.invalidate(std::slice::from_ref(&key)).await.unwrap();
    let token = acquire(&store, &key, Take::Force).await.unwrap();
    assert!(store.finish(&key, &[token], &Outcome::Uncacheable(ttl)).await.unwrap());
    let mark = store.read(&key).await.unwrap().unwrap();
    assert_eq!((mark.kind, mark.payload.len(), mark.life), (Kind::Uncacheable, 0, ttl));
}
