//! `Entry::inspect`: a value with its age and what is left of its ttl.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cachefence::{CacheFence, Entry, Error, Inspected};
use cachefence_tests::{Op, RedisServer, Staged, cache_on};
use tokio::time::sleep;

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn entry(cache: &CacheFence) -> Entry<u32> {
    cache.entry("k").ttl(TTL)
}

fn times<T>(found: &Inspected<T>) -> (u64, u64, bool) {
    (found.age.as_secs(), found.remaining_ttl.as_secs(), found.is_stale())
}

#[tokio::test(start_paused = true)]
async fn age_and_remaining_ttl_go_by_the_clock_of_the_store() {
    let cache = CacheFence::in_memory();
    assert_eq!(entry(&cache).inspect().await.unwrap(), None);
    entry(&cache).set(&1).await.unwrap();
    for second in 0..60 {
        let found = entry(&cache).inspect().await.unwrap().unwrap();
        assert_eq!((found.value, times(&found)), (1, (second, 60 - second, false)));
        sleep(SECOND).await;
    }
    assert_eq!(entry(&cache).inspect().await.unwrap(), None, "it is past its ttl");
}

#[tokio::test(start_paused = true)]
async fn a_value_is_shown_as_stale_for_as_long_as_it_may_be_served() {
    let cache = CacheFence::in_memory();
    let entry = || entry(&cache).stale_if_error(10 * SECOND).stale_while_revalidate(5 * SECOND);
    entry().set(&1).await.unwrap();
    sleep(TTL).await;
    assert_eq!(entry().peek().await.unwrap(), None);
    for second in 60..70 {
        let found = entry().inspect().await.unwrap().unwrap();
        assert_eq!(times(&found), (second, 0, true));
        sleep(SECOND).await;
    }
    assert_eq!(entry().inspect().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_a_value_is_not_to_be_cached_is_no_value() {
    let cache = CacheFence::in_memory();
    let entry = cache.entry::<u32>("k").ttl_of(|_| Duration::ZERO).stale_if_error(TTL);
    entry.clone().get_or_set(|| async { Ok::<_, Infallible>(1) }).await.unwrap();
    assert_eq!(entry.inspect().await.unwrap(), None);
    assert_eq!(cache.stats().troubles.undecodable_entry, 0);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_decode_counts_as_empty_and_is_told() {
    let cache = CacheFence::in_memory();
    entry(&cache).set(&1).await.unwrap();
    assert_eq!(cache.entry::<String>("k").inspect().await.unwrap(), None);
    assert_eq!(cache.stats().troubles.undecodable_entry, 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_an_error() {
    let staged = Arc::new(Staged::default());
    staged.refuse(Op::Read);
    let error = entry(&cache_on(&staged, |builder| builder)).inspect().await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
}

#[tokio::test]
async fn on_redis_it_is_one_read() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    entry(&cache).set(&1).await.unwrap();
    server.reset_stats();
    let found = entry(&cache).inspect().await.unwrap().unwrap();
    assert_eq!(server.command_stats(), [("get".to_owned(), 1)].into());
    assert_eq!(found.age + found.remaining_ttl, TTL);
    assert!(!found.is_stale());
}
