//! Locks.

use super::*;

/// Takes the lock of `name`, as another process would; returns how long the one that holds it has it still.
async fn take_lock(cache: &CacheFence, name: &str) -> Option<Duration> {
    let (key, token) = (testing::key(name), testing::token());
    let lease = Duration::from_secs(3600);
    match testing::store(cache).acquire(&key, &Acquire::new(token, lease)).await.unwrap() {
        Acquired::Held(held) => Some(held.remaining()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn wait_for_lock_is_how_long_a_call_waits_for_another_process() {
    #[cachefence(key = "waiting", ttl = 60, wait_for_lock = "700ms", cache = cache, skip(cache))]
    async fn number(cache: &CacheFence) -> u32 {
        1
    }

    let cache = CacheFence::in_memory();
    assert_eq!(take_lock(&cache, "waiting").await, None);
    let called = Instant::now();
    assert_eq!(number(&cache).await, 1);
    assert_eq!(called.elapsed().as_millis(), 700);
}

#[tokio::test(start_paused = true)]
async fn wait_for_lock_may_be_zero() {
    #[cachefence(key = "impatient", ttl = 60, wait_for_lock = 0, cache = cache, skip(cache))]
    async fn number(cache: &CacheFence) -> u32 {
        1
    }

    let cache = CacheFence::in_memory();
    assert_eq!(take_lock(&cache, "impatient").await, None);
    let called = Instant::now();
    assert_eq!(number(&cache).await, 1);
    assert!(called.elapsed() < Duration::from_millis(50), "{:?}", called.elapsed());
}

#[tokio::test(start_paused = true)]
async fn wait_for_lock_may_be_an_expression_over_the_arguments() {
    #[cachefence(key = "patient", ttl = 60, wait_for_lock = *longest, cache = cache, skip(cache, longest))]
    async fn number(cache: &CacheFence, longest: &Duration) -> u32 {
        1
    }

    let cache = CacheFence::in_memory();
    assert_eq!(take_lock(&cache, "patient").await, None);
    let called = Instant::now();
    assert_eq!(number(&cache, &Duration::from_secs(30)).await, 1);
    assert_eq!(called.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn lock_timeout_is_how_long_a_lock_lasts() {
    #[cachefence(key = "lease", ttl = 60, lock_timeout = 0.3, cache = cache, skip(cache))]
    async fn remaining(cache: &CacheFence) -> Option<Duration> {
        take_lock(cache, "lease").await
    }

    let cache = CacheFence::in_memory();
    assert_eq!(remaining(&cache).await, Some(Duration::from_millis(300)));
}

#[tokio::test(start_paused = true)]
async fn a_load_may_take_longer_than_the_lock_timeout() {
    #[cachefence(key = "renewed", ttl = 60, lock_timeout = "30ms", cache = cache, skip(cache))]
    async fn held(cache: &CacheFence) -> bool {
        sleep(Duration::from_secs(1)).await;
        take_lock(cache, "renewed").await.is_some()
    }

    let cache = CacheFence::in_memory();
    assert!(held(&cache).await);
}

#[tokio::test]
async fn a_lock_timeout_that_cannot_be_used_costs_the_cache_and_not_the_result() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "unusable-lock", ttl = 60, lock_timeout = Duration::ZERO)]
    async fn count() -> u32 {
        BODIES.ran()
    }

    for call in 1..=2 {
        assert_eq!(count().await, call);
    }
}
