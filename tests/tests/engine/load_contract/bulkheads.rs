//! Loads that nobody waits for are bounded, for each function and for the whole cache.

use cachefence::cachefence;
use tokio::time::timeout;

use super::*;

#[cachefence(key = "one:<id>", ttl = 60, stale_while_revalidate = 600, detached, cache = cache, skip(cache, loads, hangs))]
async fn one(cache: &CacheFence, loads: &Loads, id: usize, hangs: bool) -> usize {
    let running = loads.begin();
    if hangs {
        std::future::pending::<()>().await;
    }
    running.number
}

#[cachefence(key = "other:<id>", ttl = 60, stale_while_revalidate = 600, detached, cache = cache, skip(cache, loads))]
async fn other(cache: &CacheFence, loads: &Loads, id: usize) -> usize {
    loads.begin().number
}

#[tokio::test(start_paused = true)]
async fn the_refreshes_of_one_function_that_hang_stop_no_other() {
    let (cache, ones, others) = (CacheFence::in_memory(), Loads::default(), Loads::default());
    for id in 0..256 {
        one(&cache, &ones, id, false).await;
    }
    other(&cache, &others, 1).await;
    sleep(secs(60)).await;
    for id in 0..256 {
        one(&cache, &ones, id, true).await;
    }
    settle().await;
    assert_eq!(ones.running(), 64);
    assert_eq!(cache.stats().troubles.skipped_refresh, 256 - 64);
    assert_eq!(other(&cache, &others, 1).await, 1, "the stale value");
    settle().await;
    assert_eq!(other(&cache, &others, 1).await, 2, "it was refreshed");
}

#[tokio::test(start_paused = true)]
async fn cold_loads_that_were_left_count_and_beyond_the_limit_a_load_runs_in_its_caller() {
    let (cache, loads) = (CacheFence::in_memory(), Loads::default());
    for id in 0..100 {
        assert!(timeout(ms(10), one(&cache, &loads, id, true)).await.is_err());
        settle().await;
    }
    assert_eq!((loads.count(), loads.running()), (100, 64), "the others went with their callers");
}

#[tokio::test(start_paused = true)]
async fn loads_that_are_waited_for_do_not_count() {
    let (cache, loads) = (CacheFence::in_memory(), Loads::default());
    let calls: Vec<_> = (0..100)
        .map(|id| {
            let (cache, loads) = (cache.clone(), loads.clone());
            tokio::spawn(async move { one(&cache, &loads, id, true).await })
        })
        .collect();
    settle().await;
    assert_eq!(loads.running(), 100);
    calls.iter().for_each(JoinHandle::abort);
    settle().await;
    assert_eq!(loads.running(), 100, "each had begun in a task of its own");
}
