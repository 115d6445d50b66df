//! G4: a caller that holds a flight and is not polled any more does not hold up the others.
//!
//! In `select!` or `buffered`, a future may be polled once and then be left lying. It is not dropped,
//! so nothing tells the others. Time is tokio's, paused.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::{Loads, Op, Phase, Staged, cache_on};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const TTL: Duration = Duration::from_secs(3_600);
const WAIT: Duration = Duration::from_secs(5);
/// A little longer than a caller waits for a read that another one is to send.
const TWO_READS: Duration = Duration::from_millis(610);

fn cache(staged: &Arc<Staged>) -> CacheFence {
    cache_on(staged, |builder| builder.wait_for_lock(WAIT))
}

async fn load(loads: &Loads, takes: Duration) -> Result<u32, std::io::Error> {
    let _running = loads.begin();
    sleep(takes).await;
    Ok(1)
}

type Parked = Pin<Box<dyn Future<Output = u32>>>;

fn call(cache: &CacheFence, loads: &Loads, takes: Duration) -> impl Future<Output = u32> + 'static {
    let (entry, loads) = (cache.entry("k").ttl(TTL), loads.clone());
    async move { entry.get_or_set(|| load(&loads, takes)).await.unwrap() }
}

/// Polls until `there`, then never again.
async fn park(mut future: Parked, there: impl Fn() -> bool) -> Parked {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        if there() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    future
}

#[tokio::test(start_paused = true)]
async fn a_parked_reader_holds_up_no_reader() {
    let (staged, loads) = (Arc::new(Staged::default()), Loads::default());
    let cache = cache(&staged);
    call(&cache, &loads, Duration::ZERO).await;
    let stop = staged.stop(Op::Read, Phase::Request);
    let reader = Box::pin(call(&cache, &loads, Duration::ZERO));
    let before = staged.count(Op::Read);
    let _parked = park(reader, || staged.count(Op::Read) > before).await;
    drop(stop);
    let begun = Instant::now();
    call(&cache, &loads, Duration::ZERO).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(loads.count(), 1, "it was a hit");
}

#[tokio::test(start_paused = true)]
async fn a_crowd_behind_a_parked_reader_reads_once() {
    let (staged, loads) = (Arc::new(Staged::default()), Loads::default());
    let cache = cache(&staged);
    call(&cache, &loads, Duration::ZERO).await;
    let stop = staged.stop(Op::Read, Phase::Request);
    let before = staged.count(Op::Read);
    let reader = Box::pin(call(&cache, &loads, Duration::ZERO));
    let _reader = park(reader, || staged.count(Op::Read) > before).await;
    drop(stop);
    // The one that is to read for all who come from here on.
    let _next = park(Box::pin(call(&cache, &loads, Duration::ZERO)), || true).await;
    let before = staged.count(Op::Read);
    let slow = staged.stop(Op::Read, Phase::Reply);
    let mut crowd = JoinSet::new();
    for _ in 0..100 {
        crowd.spawn(call(&cache, &loads, Duration::ZERO));
    }
    slow.reached().await;
    sleep(Duration::from_millis(20)).await;
    slow.go();
    crowd.join_all().await;
    let reads = staged.count(Op::Read) - before;
    assert!(reads <= 2, "{reads} reads for 100 callers");
    assert_eq!(loads.count(), 1, "they were hits");
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_for_two_parked_readers_waits_for_no_third() {
    let (staged, loads) = (Arc::new(Staged::default()), Loads::default());
    let cache = cache(&staged);
    let call = || -> Parked { Box::pin(call(&cache, &loads, Duration::ZERO)) };
    call().await;
    let stop = staged.stop(Op::Read, Phase::Request);
    let before = staged.count(Op::Read);
    let _reader = park(call(), || staged.count(Op::Read) > before).await;
    drop(stop);
    // The first one is to read for the three that wait, and never does.
    let _first = park(call(), || true).await;
    let second = park(call(), || true).await;
    let third = park(call(), || true).await;
    let waiter = park(call(), || true).await;
    // So the second one is, and is not polled again either.
    sleep(TWO_READS).await;
    let _second = park(second, || true).await;
    let third = park(third, || true).await;
    let waiter = park(waiter, || true).await;
    sleep(TWO_READS).await;
    let stop = staged.stop(Op::Read, Phase::Request);
    let _third = park(third, || true).await;
    drop(stop);
    timeout(TWO_READS / 2, waiter).await.expect("it reads for itself");
    assert_eq!(loads.count(), 1, "it was a hit");
}

#[tokio::test(start_paused = true)]
async fn a_parked_leader_holds_up_others_for_wait_for_lock_once() {
    let (staged, loads) = (Arc::new(Staged::default()), Loads::default());
    let (ours, theirs) = (cache(&staged), cache(&staged));
    let leader = Box::pin(call(&ours, &loads, Duration::from_secs(1)));
    let _parked = park(leader, || loads.count() == 1).await;

    // The lease runs out, because renewing it is part of the future that nobody polls.
    let begun = Instant::now();
    call(&theirs, &loads, Duration::ZERO).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(loads.count(), 2);

    let begun = Instant::now();
    call(&ours, &loads, Duration::ZERO).await;
    assert!(begun.elapsed() <= WAIT + Duration::from_secs(1), "{:?}", begun.elapsed());
    let begun = Instant::now();
    for _ in 0..3 {
        call(&ours, &loads, Duration::ZERO).await;
    }
    assert!(begun.elapsed() < Duration::from_millis(100), "they look for themselves");
    assert_eq!(loads.count(), 2, "the value was there all the time");
}

#[tokio::test(start_paused = true)]
async fn guest_loads_run_one_at_a_time() {
    let (staged, loads) = (Arc::new(Staged::default()), Loads::default());
    let (ours, theirs) = (cache(&staged), cache(&staged));
    // Somebody holds the lock and takes an hour.
    let holder = tokio::spawn(call(&theirs, &Loads::default(), Duration::from_secs(3_600)));
    sleep(Duration::from_secs(1)).await;
    for wait in [Duration::ZERO, WAIT] {
        let before = loads.count();
        let begun = Instant::now();
        let mut calls = JoinSet::new();
        for _ in 0..50 {
            let (entry, loads) = (ours.entry("k").ttl(TTL).wait_for_lock(wait), loads.clone());
            let load = move || async move { load(&loads, Duration::from_secs(12)).await };
            calls.spawn(entry.get_or_set(load));
        }
        calls.join_all().await;
        // One guest, beside the hedge.
        assert!(loads.most_at_a_time() <= 2, "waiting {wait:?}");
        // One for those who called before it began, at most one more for the rest.
        assert!(loads.count() - before <= 2, "{} loads, waiting {wait:?}", loads.count() - before);
        assert!(begun.elapsed() < wait + Duration::from_secs(30), "{:?}", begun.elapsed());
    }
    holder.abort();
}

#[tokio::test(start_paused = true)]
async fn a_parked_guest_leader_is_replaced() {
    let (staged, loads) = (Arc::new(Staged::default()), Loads::default());
    let (ours, theirs) = (cache(&staged), cache(&staged));
    let holder = tokio::spawn(call(&theirs, &Loads::default(), Duration::from_secs(3_600)));
    sleep(Duration::from_secs(1)).await;
    let first = Box::pin(call(&ours, &loads, Duration::from_secs(12)));
    let _parked = park(first, || loads.count() == 1).await; // guest, and left lying
    let begun = Instant::now();
    call(&ours, &loads, Duration::ZERO).await;
    assert!(begun.elapsed() < WAIT + Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(loads.count(), 2);
    holder.abort();
}

#[tokio::test(start_paused = true)]
async fn a_load_that_takes_too_long_gives_the_key_free() {
    let (staged, loads) = (Arc::new(Staged::default()), Loads::default());
    let short = cache_on(&staged, |builder| builder.load_timeout(Duration::from_secs(10)));
    let endless = tokio::spawn(call(&short, &loads, Duration::from_secs(3_600)));
    sleep(Duration::from_secs(9)).await;
    let begun = Instant::now();
    call(&short, &loads, Duration::ZERO).await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    endless.abort();
}
