//! Keys that are longer than a key in the store may be, on a real server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachefence::{CacheFence, MAX_WHOLE_KEY_BYTES};
use cachefence_tests::{RedisServer, assert_no_locks};

const TTL: Duration = Duration::from_secs(60);

/// Calls with `key`; returns the number of the recompute that the value is from.
async fn number(cache: &CacheFence, key: &str) -> u32 {
    static RECOMPUTES: AtomicU32 = AtomicU32::new(0);
    let recompute = || async { Ok::<_, std::io::Error>(RECOMPUTES.fetch_add(1, Ordering::SeqCst)) };
    cache.get_or_set(key, TTL, recompute).await.unwrap()
}

#[tokio::test]
async fn a_long_key_lives_under_its_beginning_and_the_hash_of_the_whole() {
    let server = RedisServer::start();
    let cache = server.cache_builder().namespace("app").build().await.unwrap();
    let long = "k".repeat(100_000);
    let first = number(&cache, &format!("{long}a")).await;
    assert_eq!(number(&cache, &format!("{long}a")).await, first);
    assert_ne!(number(&cache, &format!("{long}b")).await, first);

    let entry = cache.entry::<u32>(format!("{long}a"));
    assert_eq!(entry.peek().await.unwrap(), Some(first));
    let keys = server.scan_keys();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().any(|key| key == entry.key()));
    for key in &keys {
        assert!(key.starts_with("app:kkk") && key.len() == MAX_WHOLE_KEY_BYTES + 72, "{key}");
    }

    entry.invalidate().await.unwrap();
    assert_eq!(entry.peek().await.unwrap(), None);
    assert_eq!(server.scan_keys().len(), 1);
    assert_no_locks(&server);
}

#[tokio::test]
async fn the_limit_itself_is_whole() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    let whole = "k".repeat(MAX_WHOLE_KEY_BYTES);
    let first = number(&cache, &whole).await;
    assert_eq!(server.scan_keys(), [&*whole]);

    // A longer one is never given the name of another, not even if it is spelled like it.
    let long = format!("{whole}k");
    let name = cache.entry::<u32>(&long).key().to_owned();
    let second = number(&cache, &long).await;
    assert_ne!(second, first);
    assert!(![first, second].contains(&number(&cache, &name).await));
    assert_eq!(server.scan_keys().len(), 3);
}
