//! The memory store keeps to its bound.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cachefence::{CacheFence, Error, MemoryStore};
use cachefence_tests::is_long;

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
    let store = Arc::new(MemoryStore::default());
    let cache = CacheFence::builder().store(Arc::clone(&store)).build_lazy().unwrap();
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

const MIB: u64 = 1 << 20;

/// Has a process store values in a store of `bound` bytes: so many of so many bytes, as often as it says. They have the ttl in
/// milliseconds. Returns by how much its memory had grown at the most, after each time.
fn growth(bound: u64, ttl: u64, values: &[(u64, u64)]) -> Vec<u64> {
    let values = values.iter().flat_map(|&(count, bytes)| [count, bytes]);
    let args = [bound, ttl].into_iter().chain(values).map(|number| number.to_string());
    let output = Command::new(env!("CARGO_BIN_EXE_hoard")).args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn a_bound_in_bytes_holds_for_the_memory_of_the_process() {
    const HOUR: u64 = 3_600_000;
    // Small values, values that fill the bound, and small ones whose places in the tables are left to large ones.
    let mut worlds = vec![
        (8 * MIB, vec![(40_000, 3)]),
        (8 * MIB, vec![(16_000, 700)]),
        (8 * MIB, vec![(20_000, 3), (300, 100_000), (300, 100_000)]),
    ];
    if is_long() {
        worlds.push((64 * MIB, vec![(9_000_000, 3)]));
        worlds.push((64 * MIB, vec![(1_000_000, 3), (5_000, 102_400), (5_000, 102_400)]));
        worlds.push((256 * MIB, vec![(2_000_000, 300)]));
    }
    for (bound, values) in worlds {
        let most = *growth(bound, HOUR, &values).last().unwrap();
        // The allocator keeps some of what it was given back, and a value under way is no entry yet.
        assert!(most <= bound + bound / 10, "{most} of {bound}, {values:?}");
        assert!(most >= bound / 4, "{most} of {bound}, {values:?}: the store is full");
    }
}

#[test]
fn the_memory_of_expired_entries_is_used_again() {
    let count = if is_long() { 5_000 } else { 100 };
    let stored = count * 102_400;
    // On a busy machine the first have expired before the last are stored; then they get more time.
    let grown = [2_000, 8_000, 32_000, 128_000].into_iter();
    let mut grown = grown.map(|ttl| growth(1_024 * MIB, ttl, &[(count, 102_400); 3]));
    let grown = grown.find(|grown| grown[0] >= stored).expect("they fit");
    assert!(grown[2] <= stored * 3 / 2, "{grown:?}: {stored} are valid at a time");
}

#[tokio::test(start_paused = true)]
async fn expired_entries_leave_without_anybody_asking_for_them() {
    let store = Arc::new(MemoryStore::with_bytes(64 * MIB));
    let cache = CacheFence::builder().store(Arc::clone(&store)).build_lazy().unwrap();
    assert_eq!(kept(&cache, 300, 100_000).await, 300);
    tokio::time::advance(TTL).await;
    // None of these calls concerns one of the keys that were stored.
    for number in 0..5 {
        let load = || async { Ok::<_, std::io::Error>(1) };
        cache.get_or_set(format!("other{number}"), TTL, load).await.unwrap();
    }
    assert!(format!("{store:?}").starts_with("MemoryStore { entries: 5,"), "{store:?}");
}

#[tokio::test(start_paused = true)]
async fn an_entry_stays_for_its_stale_window() {
    let cache = CacheFence::in_memory();
    let entry = cache.entry("k").ttl(TTL).stale_if_error(TTL);
    entry.set(&1).await.unwrap();
    tokio::time::advance(TTL).await;
    kept(&cache, 10, 1).await;
    let failing = || async { Err(std::io::Error::other("on purpose")) };
    assert_eq!(entry.clone().get_or_set(failing).await.unwrap(), 1);
    tokio::time::advance(TTL).await;
    assert!(entry.get_or_set(failing).await.is_err());
}

#[tokio::test]
async fn setting_a_value_larger_than_a_shard_keeps_is_an_error() {
    let cache = cache(MemoryStore::with_bytes(MIB));
    let entry = cache.entry::<String>("k").ttl(TTL);
    entry.set(&"x".repeat(700_000)).await.unwrap();
    let error = entry.set(&"x".repeat(900_000)).await.unwrap_err();
    let Error::Encode(cause) = &error else { panic!("{error}") };
    assert!(cause.to_string().contains("its store keeps of one entry"), "{cause}");
    assert_eq!(entry.peek().await.unwrap().map(|value| value.len()), Some(700_000));
}
