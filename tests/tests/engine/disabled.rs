//! `CacheFence::disabled`: every call runs its own body.

use std::convert::Infallible;
use std::future::{Ready, pending, ready};
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use cachefence::{CacheFence, Error};
use cachefence_tests::{Loads, Stop, settle};

const TTL: Duration = Duration::from_secs(60);

static CACHE: LazyLock<CacheFence> = LazyLock::new(CacheFence::disabled);

fn number(number: usize) -> Ready<Result<usize, Infallible>> {
    ready(Ok(number))
}

#[tokio::test]
async fn each_call_runs_its_own_body() {
    for value in 0..3 {
        assert_eq!(CACHE.get_or_set("k", TTL, || number(value)).await.unwrap(), value);
        let entry = CACHE.entry::<usize>("k").ttl(TTL);
        assert_eq!(entry.get_or_set_detached(|| number(value)).await.unwrap(), value);
    }
}

#[tokio::test]
async fn no_call_waits_for_another() {
    let (cache, loads, stop) = (CacheFence::disabled(), Loads::default(), Stop::new());
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (loads, stop) = (loads.clone(), Arc::clone(&stop));
            let load = move || async move {
                let running = loads.begin();
                stop.pass().await;
                Ok::<_, Infallible>(running.number)
            };
            tokio::spawn(cache.entry::<usize>("k").ttl(TTL).get_or_set(load))
        })
        .collect();
    settle().await;
    assert_eq!(loads.running(), 10);
    stop.let_go(10);
    let mut numbers = Vec::new();
    for call in calls {
        numbers.push(call.await.unwrap().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>(), "each is given its own");
}

#[tokio::test]
async fn a_call_inside_its_own_body_runs_that_body_too() {
    let cache = CacheFence::disabled();
    let inner = async || cache.get_or_set("k", TTL, || number(1)).await.unwrap();
    let outer = cache.get_or_set("k", TTL, || async { Ok::<_, Infallible>(inner().await + 1) });
    assert_eq!(outer.await.unwrap(), 2);
}

#[tokio::test]
async fn a_detached_call_that_is_dropped_takes_its_body_along() {
    let (cache, loads) = (CacheFence::disabled(), Loads::default());
    let counted = loads.clone();
    let hangs = || async move {
        let _running = counted.begin();
        pending::<Result<u8, Infallible>>().await
    };
    let call = tokio::spawn(cache.entry::<u8>("k").ttl(TTL).get_or_set_detached(hangs));
    settle().await;
    assert_eq!(loads.running(), 1);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(loads.running(), 0);
}

#[tokio::test]
async fn nothing_is_found_and_everything_is_taken() {
    let cache = CacheFence::disabled();
    let entry = cache.entry::<usize>("k").ttl(TTL);
    entry.set(&1).await.unwrap();
    assert_eq!(entry.peek().await.unwrap(), None);
    assert_eq!(entry.inspect().await.unwrap(), None);
    entry.invalidate().await.unwrap();
    cache.invalidate_many(["k", "l"]).await.unwrap();
    assert!(entry.invalidate_eventually().await.unwrap());
    cache.shutdown().await.unwrap();
}

#[tokio::test]
async fn keys_options_and_errors_are_those_of_any_cache() {
    let cache = CacheFence::disabled();
    assert!(matches!(cache.get_or_set("", TTL, || number(1)).await, Err(Error::Key(_))));
    let no_ttl = cache.entry::<usize>("k");
    assert!(matches!(no_ttl.get_or_set(|| number(1)).await, Err(Error::Option(_))));
    let fails = || async { Err::<u8, _>("gone") };
    let failed = cache.get_or_set("k", TTL, fails).await;
    assert_eq!(failed.unwrap_err().recompute(), Some(&"gone"));
}

#[tokio::test]
async fn a_value_that_cannot_be_encoded_is_nobodys_trouble() {
    let cache = CacheFence::disabled();
    let nan = cache.get_or_set("k", TTL, || async { Ok::<_, Infallible>(f64::NAN) });
    assert!(nan.await.unwrap().is_nan());
    assert_eq!(cache.stats().troubles.total(), 0);
}

#[tokio::test]
async fn its_calls_are_counted_as_bypassed_and_no_store_is_asked() {
    let cache = CacheFence::disabled();
    for value in 0..3 {
        cache.get_or_set("k", TTL, || number(value)).await.unwrap();
        let entry = cache.entry::<usize>("k").ttl(TTL);
        entry.get_or_set_detached(|| number(value)).await.unwrap();
    }
    let stats = cache.stats();
    assert_eq!((stats.requests.bypassed, stats.requests.total()), (6, 6));
    assert_eq!((stats.bypasses.disabled, stats.bypasses.total()), (6, 6));
    assert_eq!((stats.loads.not_cached, stats.loads.total()), (6, 6));
    assert_eq!((stats.operations.total(), stats.troubles.total()), (0, 0));
}
