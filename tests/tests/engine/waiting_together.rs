//! What one caller finds is given to those who wait with it: they do not ask for themselves.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use cachefence_tests::{Op, Pair, Phase, Stop, settle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(3_600);

fn pair(wait: Duration) -> Pair {
    Pair::new(|builder| builder.wait_for_lock(wait).lock_timeout(TTL / 10))
}

/// A load in the other process, which has the lock, and ends when it is let go.
async fn theirs(pair: &Pair) -> (JoinHandle<u32>, Arc<Stop>) {
    let (entry, stop) = (pair.theirs.entry::<u32>("k").ttl(TTL), Stop::new());
    let at = Arc::clone(&stop);
    let call = tokio::spawn(async move {
        let load = || async {
            at.pass().await;
            Ok::<_, std::io::Error>(1)
        };
        entry.get_or_set(load).await.unwrap()
    });
    stop.reached().await;
    (call, stop)
}

/// As many calls of ours as `calls` says, whose loads would take long.
fn ours(pair: &Pair, calls: usize) -> Vec<JoinHandle<u32>> {
    let call = |_| {
        let (entry, loads) = (pair.ours.entry("k").ttl(TTL), pair.loads.clone());
        tokio::spawn(async move {
            let load = || async {
                let _running = loads.begin();
                sleep(TTL / 2).await;
                Ok::<_, std::io::Error>(2)
            };
            entry.get_or_set(load).await.unwrap()
        })
    };
    (0..calls).map(call).collect()
}

async fn all(calls: Vec<JoinHandle<u32>>, value: u32) {
    for call in calls {
        assert_eq!(call.await.unwrap(), value);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_come_during_a_read_share_the_next() {
    let pair = pair(TTL);
    pair.ours.entry::<u32>("k").ttl(TTL).set(&1).await.unwrap();
    let stop = pair.staged.stop(Op::Read, Phase::Reply);
    let first = ours(&pair, 1);
    stop.reached().await;
    let others = ours(&pair, 10);
    settle().await;
    stop.go();
    all(first, 1).await;
    all(others, 1).await;
    assert_eq!(pair.staged.count(Op::Read), 2);
}

/// Of a value whose text is `text`, after two have read it at a time: whether callers are held up by one
/// whose read does not come back.
async fn are_held_up(text: String) -> bool {
    let pair = pair(TTL);
    let entry = pair.ours.entry::<String>("k").ttl(TTL);
    entry.set(&text).await.unwrap();
    let read = || {
        let (entry, text) = (entry.clone(), text.clone());
        tokio::spawn(async move {
            let body = || async { Ok::<_, std::io::Error>("no hit".to_owned()) };
            assert_eq!(entry.get_or_set(body).await.unwrap(), text);
        })
    };
    for _ in 0..2 {
        let stop = pair.staged.stop(Op::Read, Phase::Reply);
        let first = read();
        stop.reached().await;
        let others: Vec<_> = (0..5).map(|_| read()).collect();
        settle().await;
        let held_up = !others.iter().all(JoinHandle::is_finished);
        stop.go();
        for call in others.into_iter().chain([first]) {
            call.await.unwrap();
        }
        if !held_up {
            return false;
        }
    }
    true
}

#[tokio::test(start_paused = true)]
async fn readers_of_a_small_value_do_not_wait_for_each_other_once_that_is_known() {
    assert!(!are_held_up("short".to_owned()).await);
    assert!(are_held_up("long".repeat(1_000)).await);
}

#[tokio::test(start_paused = true)]
async fn what_a_waiter_finds_is_given_to_its_joiners() {
    let pair = pair(TTL);
    let (theirs, load) = theirs(&pair).await;
    let joiners = ours(&pair, 10);
    settle().await;
    let before = pair.staged.count(Op::Acquire);
    load.go();
    assert_eq!(theirs.await.unwrap(), 1);
    all(joiners, 1).await;
    assert_eq!(pair.staged.count(Op::Acquire), before + 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_guest_finds_is_given_to_those_who_wait_with_it() {
    let pair = pair(Duration::from_secs(1));
    let (theirs, load) = theirs(&pair).await;
    // The hedge hangs too.
    let hedge = pair.theirs.entry::<usize>("k").ttl(TTL);
    let hedge = tokio::spawn(hedge.get_or_set(pending::<std::io::Result<usize>>));
    sleep(Duration::from_millis(1_500)).await;
    let joiners = ours(&pair, 10);
    sleep(Duration::from_millis(3_500)).await;
    assert_eq!(pair.loads.count(), 1, "it does without the lock");
    settle().await; // it looks for a value at random times, perhaps now
    let before = pair.staged.count(Op::Read);
    load.go();
    assert_eq!(theirs.await.unwrap(), 1);
    all(joiners, 1).await;
    assert_eq!(pair.loads.count(), 1);
    assert_eq!(pair.staged.count(Op::Read), before + 1, "one look for all of them");
    hedge.abort();
}

#[tokio::test(start_paused = true)]
async fn those_who_cannot_be_given_a_value_run_sixteen_at_once_and_the_rest_together() {
    let pair = pair(TTL);
    let call = |_| {
        let (entry, loads) = (pair.ours.entry::<f64>("k").ttl(TTL), pair.loads.clone());
        tokio::spawn(async move {
            let load = || async {
                let _running = loads.begin();
                sleep(Duration::from_secs(1)).await;
                Ok::<_, std::io::Error>(f64::NAN) // for which there is no JSON
            };
            assert!(entry.get_or_set(load).await.unwrap().is_nan());
        })
    };
    let begun = Instant::now();
    let calls: Vec<_> = (0..50).map(call).collect();
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!((pair.loads.running(), pair.loads.count()), (16, 17));
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!((pair.loads.most_at_a_time(), pair.loads.count()), (33, 50));
    assert_eq!(begun.elapsed(), Duration::from_secs(3), "three times the body");
}
