//! `ttl_of`, `negative_ttl` and `jitter`.

use super::*;

/// How many whole seconds the body's first value is served.
async fn lasts(mut call: impl AsyncFnMut() -> u32) -> u32 {
    let first = call().await;
    for second in 1.. {
        advance(Duration::from_secs(1)).await;
        if call().await != first {
            return second;
        }
    }
    unreachable!("the range has no end")
}

#[tokio::test(start_paused = true)]
async fn a_value_says_how_long_it_lives() {
    #[cachefence(key = "ttl-of:<lives>", ttl_of = |(_, lives): &(u32, u32)| Duration::from_secs((*lives).into()), beta = 0, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies, lives: u32) -> io::Result<(u32, u32)> {
        Ok((bodies.ran(), lives))
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    for lives in [1, 5, 60] {
        let call = async || count(&cache, &bodies, lives).await.unwrap().0;
        assert_eq!(lasts(call).await, lives);
    }
    count_entry(&cache, 9).set(&(7, 2)).await.unwrap();
    assert_eq!(count_entry(&cache, 9).peek().await.unwrap(), Some((7, 2)));
    advance(Duration::from_secs(2)).await;
    assert_eq!(count_entry(&cache, 9).peek().await.unwrap(), None, "the companion knows as well");
}

#[tokio::test(start_paused = true)]
async fn a_function_may_say_it() {
    #[allow(clippy::trivially_copy_pass_by_ref)] // as `ttl_of` has it
    fn short(_: &u32) -> Duration {
        Duration::from_secs(3)
    }

    #[cachefence(key = "ttl-of-path", ttl_of = short, beta = 0, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    assert_eq!(lasts(async || count(&cache, &bodies).await).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_says_zero_is_not_cached() {
    #[cachefence(key = "ttl-of-zero", ttl_of = |_: &u32| Duration::ZERO, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    assert_eq!((count(&cache, &bodies).await, count(&cache, &bodies).await), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_none_has_a_ttl_of_its_own() {
    #[cachefence(key = "plain:<found>", ttl = 60, negative_ttl = "5s", beta = 0, cache = cache, skip(cache, bodies))]
    async fn plain(cache: &CacheFence, bodies: &Bodies, found: bool) -> Option<u32> {
        let ran = bodies.ran();
        found.then_some(ran)
    }

    #[cachefence(key = "result:<found>", ttl = 60, negative_ttl = negative, beta = 0, cache = cache, skip(cache, bodies, negative))]
    async fn result(
        cache: &CacheFence,
        bodies: &Bodies,
        found: bool,
        negative: Duration,
    ) -> io::Result<Option<u32>> {
        let ran = bodies.ran();
        Ok(found.then_some(ran))
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    let negative = Duration::from_secs(5);
    for found in [true, false] {
        let lives = if found { 60 } else { 5 };
        let call = async || {
            plain(&cache, &bodies, found).await;
            bodies.count()
        };
        assert_eq!(lasts(call).await, lives, "{found}");
        let call = async || {
            result(&cache, &bodies, found, negative).await.unwrap();
            bodies.count()
        };
        assert_eq!(lasts(call).await, lives, "{found}");
    }
}

#[tokio::test(start_paused = true)]
async fn jitter_shortens_a_ttl() {
    #[cachefence(key = "jitter:<n>", ttl = 100, jitter = 0.5, beta = 0, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies, n: u32) -> u32 {
        bodies.ran()
    }

    let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
    let mut lived = Vec::new();
    for n in 0..30 {
        lived.push(lasts(async || count(&cache, &bodies, n).await).await);
    }
    assert!(lived.iter().all(|lived| (50..=100).contains(lived)), "{lived:?}");
    assert!(lived.iter().any(|lived| *lived < 90), "{lived:?}");
}
