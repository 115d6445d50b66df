//! The memory store keeps to its bound.

use std::time::Duration;

use cachefence::{CacheFence, MemoryStore};

const TTL: Duration = Duration::from_secs(3_600);

fn cache(store: MemoryStore) -> CacheFence {
    CacheFence::builder().store(store).build_lazy().unwrap()
}

/// Stores a value of `bytes` bytes under each of `keys` keys, and returns how many are still there.
async fn kept(cache: &CacheFence, keys: usize, bytes: usize) -> usize {
    let value = "x".repeat(bytes);
    for key in 0..keys {
        cache.entry(format!("k{key}")).ttl(TTL).set(&value).await.unwrap();
    }
    let mut kept = 0;
    for key in 0..keys {
        let found = cache.entry::<String>(format!("k{key}")).peek().await.unwrap();
        kept += usize::from(found.is_some());
    }
    kept
}

#[tokio::test]
async fn by_entries() {
    let kept = kept(&cache(MemoryStore::with_entries(1_000)), 5_000, 1).await;
    assert!((500..=1_000).contains(&kept), "{kept}");
}

#[tokio::test]
async fn ten_thousand_entries_unless_told_otherwise() {
    let kept = kept(&CacheFence::in_memory(), 20_000, 1).await;
    assert!((5_000..=10_000).contains(&kept), "{kept}");
}

#[tokio::test]
async fn by_bytes() {
    let kept = kept(&cache(MemoryStore::with_bytes(1 << 20)), 2_000, 1_000).await;
    assert!((500..=1_048).contains(&kept), "{kept}");
}

#[tokio::test]
async fn a_value_larger_than_the_bound_is_not_kept_and_served_all_the_same() {
    let cache = cache(MemoryStore::with_bytes(1 << 20));
    let load = || async { Ok::<_, std::io::Error>("x".repeat(2 << 20)) };
    let value = cache.get_or_set("large", TTL, load).await.unwrap();
    assert_eq!(value.len(), 2 << 20);
    assert_eq!(cache.entry::<String>("large").peek().await.unwrap(), None);
}

#[tokio::test]
async fn a_bound_of_sixteen_mebibytes_is_not_divided() {
    assert_eq!(kept(&cache(MemoryStore::with_bytes(16 << 20)), 1, 12 << 20).await, 1);
}

#[tokio::test]
async fn a_store_says_how_full_it_is() {
    let store = std::sync::Arc::new(MemoryStore::default());
    let cache = CacheFence::builder().store(std::sync::Arc::clone(&store)).build_lazy().unwrap();
    assert_eq!(kept(&cache, 3, 1).await, 3);
    assert_eq!(format!("{store:?}"), "MemoryStore { entries: 3, weight: 3, .. }");
}

#[tokio::test(start_paused = true)]
async fn expired_entries_are_not_served() {
    let cache = CacheFence::in_memory();
    let entry = cache.entry("k").ttl(Duration::from_millis(10));
    entry.set(&1).await.unwrap();
    assert_eq!(entry.peek().await.unwrap(), Some(1));
    tokio::time::advance(Duration::from_millis(10)).await;
    assert_eq!(entry.peek().await.unwrap(), None);
}
