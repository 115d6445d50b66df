//! A recompute that asks for its own key gets an answer, not a deadlock.

use std::task::Poll;
use std::time::Duration;

use cachefence::{CacheFence, Error, cachefence};
use cachefence_tests::Network;

const TTL: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(3); // less than `wait_for_lock`

#[tokio::test]
async fn the_engine_says_so() {
    says_so(CacheFence::in_memory()).await;
    let remote = CacheFence::builder().store(Network::default());
    says_so(remote.build_lazy().unwrap()).await;
}

async fn says_so(cache: CacheFence) {
    let inner = || async { Ok::<u32, std::io::Error>(1) };
    let outer = || async {
        match cache.get_or_set("k", TTL, inner).await {
            Err(error @ Error::Recursive) => Ok::<_, std::io::Error>(error.to_string()),
            other => panic!("{other:?}"),
        }
    };
    let said = tokio::time::timeout(SOON, cache.get_or_set("k", TTL, outer)).await.unwrap();
    assert!(said.unwrap().contains("asks for its own key"));
}

#[tokio::test]
async fn other_keys_and_other_caches_are_no_recursion() {
    let (cache, other) = (CacheFence::in_memory(), CacheFence::in_memory());
    let one = || async { Ok::<u32, std::io::Error>(1) };
    let outer = || async {
        let a = cache.get_or_set("inner", TTL, one).await.unwrap();
        let b = other.get_or_set("k", TTL, one).await.unwrap();
        Ok::<_, std::io::Error>(a + b)
    };
    assert_eq!(cache.get_or_set("k", TTL, outer).await.unwrap(), 2);
}

#[tokio::test]
async fn a_function_that_calls_itself_with_other_arguments_is_cached_at_each_step() {
    #[cachefence(key = "factorial:<n>", ttl = 60)]
    async fn factorial(n: u64) -> u64 {
        if n == 0 { 1 } else { n * Box::pin(factorial(n - 1)).await }
    }

    assert_eq!(factorial(10).await, 3_628_800);
    assert_eq!(factorial_entry(9).peek().await.unwrap(), Some(362_880));
}

#[tokio::test]
async fn a_function_that_calls_itself_with_the_same_key_runs_its_body() {
    #[cachefence(key = "countdown", ttl = 60, skip(left))]
    async fn countdown(left: u32) -> u32 {
        if left == 0 { 0 } else { 1 + Box::pin(countdown(left - 1)).await }
    }

    assert_eq!(tokio::time::timeout(SOON, countdown(5)).await.unwrap(), 5);
}

#[tokio::test]
async fn a_closure_that_asks_before_it_makes_its_future_is_inside() {
    let cache = CacheFence::in_memory();
    let outer = || {
        let mut inner =
            Box::pin(cache.get_or_set("k", TTL, || async { Ok::<u32, std::io::Error>(1) }));
        let polled =
            inner.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        async move { Ok::<bool, std::io::Error>(matches!(polled, Poll::Ready(Err(Error::Recursive)))) }
    };
    assert!(cache.get_or_set("k", TTL, outer).await.unwrap());
}

#[tokio::test]
async fn a_function_that_runs_without_the_cache_may_ask_for_its_key() {
    #[cachefence(key = "uncached", ttl = ttl, skip(ttl))]
    async fn uncached(ttl: Duration) -> u32 {
        let inner = || async { Ok::<u32, std::io::Error>(7) };
        // Its own ttl cannot be used, so nothing loads the key.
        uncached_entry(TTL).get_or_set(inner).await.unwrap()
    }

    assert_eq!(uncached(Duration::ZERO).await, 7);
}
