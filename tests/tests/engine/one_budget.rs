//! G5: a call waits for its store once, whatever it asks of it. Time is tokio's, paused.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cachefence::{CacheFence, Entry};
use cachefence_tests::{Loads, Op, Phase, Staged, cache_on, settle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_secs(600);

/// How long an operation of the store may take.
const PATIENCE: Duration = Duration::from_millis(200);
const LOAD: Duration = Duration::from_secs(1);

/// How late timers may be.
const SLACK: Duration = Duration::from_millis(10);

fn world() -> (Arc<Staged>, CacheFence) {
    let staged = Arc::new(Staged::default());
    staged.give_up_after(PATIENCE);
    let cache = cache_on(&staged, |builder| builder);
    (staged, cache)
}

fn entry<T>(cache: &CacheFence) -> Entry<T> {
    cache.entry("k").ttl(TTL).stale_if_error(WINDOW)
}

async fn fails() -> Result<u32, io::Error> {
    sleep(LOAD).await;
    Err(io::Error::other("the database is down"))
}

fn spawn(cache: &CacheFence) -> JoinHandle<bool> {
    let entry = entry::<u32>(cache);
    tokio::spawn(async move { entry.get_or_set(fails).await.is_ok() })
}

#[tokio::test(start_paused = true)]
async fn who_failed_does_not_wait_again_for_something_stale() {
    let (staged, cache) = world();
    staged.fall_silent();
    let begun = Instant::now();
    assert!(entry(&cache).get_or_set(fails).await.is_err());
    assert!(begun.elapsed() <= PATIENCE + LOAD + SLACK, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nor_do_those_who_waited_for_it() {
    let (staged, cache) = world();
    staged.fall_silent();
    let begun = Instant::now();
    let calls: Vec<_> = (0..5).map(|_| spawn(&cache)).collect();
    for call in calls {
        assert!(!call.await.unwrap());
    }
    assert!(begun.elapsed() <= PATIENCE + LOAD + SLACK, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_is_left_alone_with_its_recompute_does_not_wait_again() {
    let (staged, cache) = world();
    staged.fall_silent();
    let loads = Loads::default();
    let begun = Instant::now();
    let call = |_| {
        let (entry, loads) = (entry::<f64>(&cache), loads.clone());
        tokio::spawn(async move {
            let load = || async {
                let _running = loads.begin();
                sleep(LOAD).await;
                Ok::<_, io::Error>(f64::NAN) // for which there is no JSON
            };
            assert!(entry.get_or_set(load).await.unwrap().is_nan());
        })
    };
    for call in (0..5).map(call).collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!(loads.count(), 5);
    assert!(begun.elapsed() <= PATIENCE + LOAD * 2 + SLACK, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_inherits_a_value_that_is_being_stored_waits_for_that_once() {
    let (staged, cache) = world();
    let _stop = staged.stop(Op::Fill, Phase::Request);
    let load = || async {
        sleep(LOAD).await;
        Ok::<_, io::Error>(1_u32)
    };
    let call = || {
        let entry = entry::<u32>(&cache);
        tokio::spawn(async move { entry.get_or_set(load).await.unwrap() })
    };
    let leader = call();
    settle().await;
    let heir = call();
    sleep(LOAD).await;
    settle().await; // the value is on its way
    staged.fall_silent();
    leader.abort();
    let begun = Instant::now();
    assert_eq!(heir.await.unwrap(), 1);
    assert!(begun.elapsed() <= PATIENCE + LOAD + SLACK, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_parked_reader_is_not_waited_for_longer_than_a_read_may_take() {
    let (staged, cache) = world();
    assert!(entry(&cache).get_or_set(async || Ok::<u32, io::Error>(1)).await.is_ok());
    let _stop = staged.stop(Op::Read, Phase::Request);
    let mut parked = Box::pin(entry::<u32>(&cache).get_or_set(fails));
    tokio::select! {
        biased;
        _ = &mut parked => panic!("its read does not come back"),
        () = settle() => {}
    }
    let begun = Instant::now();
    let readers: Vec<_> = (0..5).map(|_| spawn(&cache)).collect();
    for reader in readers {
        assert!(reader.await.unwrap());
    }
    assert!(begun.elapsed() >= PATIENCE, "{:?}", begun.elapsed());
    assert!(begun.elapsed() <= PATIENCE + PATIENCE / 5 + SLACK, "{:?}", begun.elapsed());
    assert_eq!(staged.count(Op::Read), 3, "one for all of them");
    drop(parked);
}

#[tokio::test(start_paused = true)]
async fn who_fails_after_its_store_fell_silent_waits_for_that_once() {
    let (staged, cache) = world();
    let begun = Instant::now();
    let load = || async {
        staged.fall_silent();
        fails().await
    };
    assert!(entry(&cache).get_or_set(load).await.is_err());
    assert!(begun.elapsed() <= PATIENCE + LOAD + SLACK, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_has_no_time_left_says_nothing_of_the_store() {
    let (staged, cache) = world();
    let load = async || Ok::<u32, io::Error>(1);
    entry(&cache).get_or_set(load).await.unwrap();
    let call = || {
        let entry = entry::<u32>(&cache);
        tokio::spawn(async move { entry.get_or_set(fails).await.ok() })
    };
    let slow = staged.stop(Op::Read, Phase::Reply);
    let first = call();
    slow.reached().await;
    let second = call();
    sleep(PATIENCE * 3 / 4).await;
    let third = call();
    settle().await;
    let _slower = staged.stop(Op::Read, Phase::Request);
    slow.go();
    assert_eq!(first.await.unwrap(), Some(1));
    assert_eq!(third.await.unwrap(), Some(1), "it had time left, and so had the store");
    assert_eq!(second.await.unwrap(), None, "it did without");
}
