//! Ttl.

use super::*;

/// Asserts that calls are served by the first one's body until `lasts` is over, and no longer.
async fn assert_lasts(lasts: Duration, mut call: impl AsyncFnMut() -> u32) {
    let moment = Duration::from_millis(1);
    assert_eq!(call().await, 1);
    advance(lasts.saturating_sub(moment)).await;
    assert_eq!(call().await, 1, "1 ms before the end");
    advance(moment).await;
    assert_eq!(call().await, 2, "at the end");
}

#[tokio::test(start_paused = true)]
async fn a_whole_number_is_seconds() {
    #[cachefence(key = "int", ttl = 2, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    assert_lasts(Duration::from_secs(2), async || count(&cache, &bodies).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_fraction_is_seconds() {
    #[cachefence(key = "float", ttl = 0.25, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    assert_lasts(Duration::from_millis(250), async || count(&cache, &bodies).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_string_has_units() {
    #[cachefence(key = "string", ttl = "1m30s5ms", cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    assert_lasts(Duration::from_millis(90_005), async || count(&cache, &bodies).await).await;
}

#[tokio::test(start_paused = true)]
async fn an_expression_is_a_duration() {
    #[cachefence(key = "expression", ttl = Duration::from_secs(60) * 2, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    assert_lasts(Duration::from_secs(120), async || count(&cache, &bodies).await).await;
}

#[tokio::test(start_paused = true)]
async fn an_expression_reads_the_arguments() {
    struct Config {
        ttl: Duration,
    }

    #[cachefence(
        key = "arguments",
        ttl = if *long { config.ttl * 2 } else { config.ttl },
        cache = cache,
        skip(cache, bodies, config, long)
    )]
    async fn count(cache: &CacheFence, bodies: &Bodies, config: &Config, long: &bool) -> u32 {
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    let config = Config { ttl: Duration::from_secs(7) };
    let call = async || count(&cache, &bodies, &config, &true).await;
    assert_lasts(Duration::from_secs(14), call).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_companion_sets_lasts_as_long() {
    #[cachefence(key = "set", ttl = 2, cache = cache, skip(cache))]
    async fn number(cache: &CacheFence) -> u32 {
        2
    }

    let cache = CacheFence::in_memory();
    number_entry(&cache).set(&1).await.unwrap();
    assert_lasts(Duration::from_secs(2), async || number(&cache).await).await;
}

#[tokio::test]
async fn one_that_cannot_be_used_costs_the_cache_and_not_the_result() {
    #[cachefence(key = "unusable", ttl = ttl, cache = cache, skip(cache, bodies, ttl))]
    async fn count(cache: &CacheFence, bodies: &Bodies, ttl: Duration) -> u32 {
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    for (calls, ttl) in (1..).zip([Duration::ZERO, Duration::ZERO, Duration::MAX]) {
        assert_eq!(count(&cache, &bodies, ttl).await, calls, "{ttl:?}");
    }
    let error = count_entry(&cache, Duration::ZERO).set(&1).await.unwrap_err();
    assert!(matches!(&error, Error::Option(option) if option.option() == "ttl"), "{error}");
}

#[tokio::test]
async fn an_error_comes_through_one_that_cannot_be_used() {
    #[cachefence(key = "unusable-error", ttl = *ttl, skip(ttl))]
    async fn fail(ttl: &Duration) -> Result<u32, String> {
        Err("as it is".to_owned())
    }

    assert_eq!(fail(&Duration::ZERO).await, Err("as it is".to_owned()));
}
