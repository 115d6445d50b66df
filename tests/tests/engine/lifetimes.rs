//! How long a value lives: jitter, and what the value itself says.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cachefence::testing;
use cachefence::{CacheFence, Entry, Error};
use cachefence_tests::{Op, Staged, cache_on};
use tokio::time::sleep;

const TTL: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_secs(600);

fn staged() -> (CacheFence, Arc<Staged>) {
    let staged = Arc::new(Staged::default());
    (cache_on(&staged, |builder| builder), staged)
}

/// How long `value` is served from the cache, in whole seconds.
async fn lives<T>(entry: impl Fn() -> Entry<T>, value: T) -> u64
where
    T: serde::Serialize + serde::de::DeserializeOwned + Clone,
{
    let load = || async { Ok::<_, Infallible>(value.clone()) };
    entry().get_or_set(load).await.unwrap();
    for second in 0.. {
        if entry().peek().await.unwrap().is_none() {
            return second;
        }
        sleep(Duration::from_secs(1)).await;
    }
    unreachable!("the range has no end")
}

#[tokio::test(start_paused = true)]
async fn a_value_says_how_long_it_lives() {
    let (cache, _) = staged();
    let entry = || cache.entry::<u64>("k").ttl_of(|seconds| Duration::from_secs(*seconds));
    assert_eq!(lives(entry, 5).await, 5);
    assert_eq!(lives(entry, 50).await, 50);
    // It goes before the ttl.
    assert_eq!(lives(|| entry().ttl(TTL), 5).await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_none_lives_as_long_as_it_is_told() {
    let (cache, _) = staged();
    let entry = || cache.entry::<Option<u8>>("k").ttl(TTL).negative_ttl(Duration::from_secs(3));
    assert_eq!(lives(entry, None).await, 3);
    assert_eq!(lives(entry, Some(1)).await, 60);
    assert_eq!(lives(|| entry().ttl_of(|_| Duration::from_secs(9)), None).await, 3);
    assert_eq!(lives(|| entry().ttl_of(|_| Duration::from_secs(9)), Some(1)).await, 9);
}

#[tokio::test(start_paused = true)]
async fn a_ttl_of_none_or_out_of_bounds_is_not_cached() {
    let (cache, staged) = staged();
    for ttl in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let entry = || cache.entry::<Duration>("k").ttl_of(|ttl| *ttl);
        assert_eq!(lives(entry, ttl).await, 0, "{ttl:?}");
        let set = entry().set(&ttl).await;
        assert!(matches!(set, Err(Error::Option(_))), "{set:?}");
    }
    assert_eq!(staged.count(Op::Fill), 0);
    assert_eq!(staged.count(Op::Mark), 3, "no lock is left");
}

#[tokio::test(start_paused = true)]
async fn a_set_value_lives_as_long_as_it_says() {
    let (cache, _) = staged();
    let entry = cache.entry::<u64>("k").ttl_of(|seconds| Duration::from_secs(*seconds));
    entry.set(&5).await.unwrap();
    sleep(Duration::from_secs(4)).await;
    assert_eq!(entry.peek().await.unwrap(), Some(5));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(entry.peek().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn jitter_shortens_and_never_lengthens() {
    let (cache, _) = staged();
    let mut lived = Vec::new();
    for _ in 0..50 {
        let entry = || cache.entry::<u8>("k").ttl(TTL).jitter(0.5);
        lived.push(lives(entry, 1).await);
    }
    assert!(lived.iter().all(|lived| (30..=60).contains(lived)), "{lived:?}");
    let (shortest, longest) = (lived.iter().min(), lived.iter().max());
    assert!(shortest < Some(&40) && longest > Some(&50), "{lived:?}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_too_large_is_served_and_not_cached() {
    let staged = Arc::new(Staged::default());
    let cache = cache_on(&staged, |builder| builder.max_value_bytes(10));
    let entry = || cache.entry::<String>("k").ttl(TTL);
    for (value, cached) in [("12345678", true), ("123456789", false)] {
        entry().invalidate().await.unwrap();
        let load = || async { Ok::<_, Infallible>(value.to_owned()) };
        assert_eq!(entry().get_or_set(load).await.unwrap(), value);
        assert_eq!(entry().peek().await.unwrap().is_some(), cached);
        assert_eq!(entry().set(&value.to_owned()).await.is_ok(), cached);
    }
    assert_eq!(staged.count(Op::Fill), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_longer_is_valid_no_longer() {
    let (cache, _) = staged();
    assert_eq!(lives(|| cache.entry::<u8>("k").ttl(TTL).stale_if_error(WINDOW), 1).await, 60);
}

#[tokio::test(start_paused = true)]
async fn without_jitter_a_ttl_is_kept_to_the_millisecond() {
    let (cache, _) = staged();
    let ttl = Duration::from_millis((1 << 53) - 1);
    cache.get_or_set("k", ttl, || async { Ok::<_, Infallible>(1) }).await.unwrap();
    let found = testing::store(&cache).read(&testing::key("k")).await.unwrap().unwrap();
    assert_eq!(found.expiry.since(found.now), Some(ttl));
}
