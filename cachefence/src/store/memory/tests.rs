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
    assert!(store.slots().len() < 100, "{}", store.slots().len());
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
