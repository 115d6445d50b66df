//! What is exact, and what only the store itself can see.

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

#[tokio::test(start_paused = true)]
async fn locks_that_nobody_gave_back_are_swept() {
    let store = MemoryStore::default();
    for name in 0..1_000 {
        store.seize(&key(&name.to_string()), &token(), LEASE).await.unwrap();
        tokio::time::advance(LEASE).await;
    }
    assert!(store.locks().len() < 100, "{}", store.locks().len());
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_to_the_tick() {
    let store = MemoryStore::default();
    let (key, first, second) = (key("k"), token(), token());
    store.seize(&key, &first, LEASE).await.unwrap();
    tokio::time::advance(LEASE.saturating_sub(TICK)).await;
    assert!(store.renew(&key, &first, LEASE).await.unwrap());
    tokio::time::advance(LEASE).await;
    assert!(!store.renew(&key, &first, LEASE).await.unwrap());
    let acquired = store.acquire(&key, &second, LEASE, None).await.unwrap();
    assert!(matches!(acquired, Acquired::Lease), "{acquired:?}");
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_gone_to_the_tick() {
    let store = MemoryStore::default();
    let (key, token) = (key("k"), token());
    let value = NewValue {
        payload: Bytes::from_static(b"v"),
        delta: Duration::ZERO,
        ttl: LEASE,
        stale: LEASE,
    };
    store.seize(&key, &token, LEASE).await.unwrap();
    assert!(store.fill(&key, &token, &value).await.unwrap());
    tokio::time::advance((LEASE * 2).saturating_sub(TICK)).await;
    assert!(store.read(&key).await.unwrap().is_some());
    tokio::time::advance(TICK).await;
    assert!(store.read(&key).await.unwrap().is_none());
}
