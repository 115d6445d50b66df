//! Beta.

use super::*;

/// How long a body takes; early refreshes are measured by that.
const REBUILD: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn zero_never_refreshes_early() {
    #[cachefence(key = "zero", ttl = 60, beta = 0, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        sleep(REBUILD).await;
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    count(&cache, &bodies).await;
    advance(Duration::from_millis(59_999)).await;
    for _ in 0..1_000 {
        assert_eq!(count(&cache, &bodies).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_one_refreshes_at_once() {
    #[cachefence(key = "large", ttl = 60, beta = 1e12, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        sleep(REBUILD).await;
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    for call in 1..=3 {
        assert_eq!(count(&cache, &bodies).await, call);
    }
}

#[tokio::test(start_paused = true)]
async fn an_expression_reads_the_arguments() {
    #[cachefence(key = "beta", ttl = 60, beta = *beta, cache = cache, skip(cache, bodies, beta))]
    async fn count(cache: &CacheFence, bodies: &Bodies, beta: &f64) -> u32 {
        sleep(REBUILD).await;
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    assert_eq!(count(&cache, &bodies, &0.0).await, 1);
    assert_eq!(count(&cache, &bodies, &0.0).await, 1);
    assert_eq!(count(&cache, &bodies, &1e12).await, 2);
}

#[tokio::test(start_paused = true)]
async fn the_caches_own_is_the_default() {
    #[cachefence(key = "default", ttl = 60, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        sleep(REBUILD).await;
        bodies.ran()
    }

    let eager = CacheFence::builder().in_memory().beta(1e12).build_lazy().unwrap();
    let bodies = Bodies::new();
    for call in 1..=3 {
        assert_eq!(count(&eager, &bodies).await, call);
    }
}

#[tokio::test]
async fn one_that_cannot_be_used_costs_the_cache_and_not_the_result() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "unusable-beta", ttl = 60, beta = f64::sqrt(-1.0))]
    async fn count() -> u32 {
        BODIES.ran()
    }

    for call in 1..=2 {
        assert_eq!(count().await, call);
    }
}
