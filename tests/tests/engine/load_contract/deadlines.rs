//! Callers with deadlines, and callers that are not polled any more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use cachefence_tests::Log;
use tokio::time::timeout;
use tracing::Level;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_detached_load_outlives_the_caller_that_began_it() {
    let fleet = Fleet::of(1);
    let call = |limit: Duration| {
        let call = fleet.entry(0).get_or_set_detached(fleet.load(ms(400)));
        tokio::spawn(async move { timeout(limit, call).await.ok().map(Result::unwrap) })
    };
    let leader = call(ms(350));
    settle().await;
    let others: Vec<_> = (0..20).map(|_| call(ms(600))).collect();
    assert_eq!(leader.await.unwrap(), None);
    for other in others {
        assert_eq!(other.await.unwrap(), Some(1));
    }
    assert_eq!(fleet.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_callers_all_have_less_time_than_its_load_is_cached_after_one_load() {
    let fleet = Fleet::of(1);
    let mut served = 0;
    for _ in 0..10 {
        let call = fleet.entry(0).get_or_set_detached(fleet.load(ms(200)));
        served += usize::from(timeout(ms(50), call).await.is_ok());
    }
    // The load ends with the fourth call.
    assert_eq!((fleet.loads(), served), (1, 6));
}

/// In the caller, which is the default, each call takes its load along.
#[tokio::test(start_paused = true)]
async fn a_load_that_is_dropped_with_its_caller_while_others_wait_is_told_once() {
    let (log, fleet) = (Log::open(), Fleet::of(1));
    for _ in 0..3 {
        let calls: Vec<_> = (0..3)
            .map(|_| {
                let call = fleet.entry(0).get_or_set(fleet.load(ms(200)));
                tokio::spawn(timeout(ms(50), call))
            })
            .collect();
        for call in calls {
            assert!(call.await.unwrap().is_err());
        }
    }
    let told = log.events(Level::WARN);
    assert_eq!(told.len(), 1, "once for the function: {told:?}");
    assert!(told[0].message.contains("`detached`"), "{told:?}");
    assert!(fleet.caches[0].stats().troubles.dropped_load >= 3);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_is_dropped_with_its_only_caller_is_not_told() {
    let fleet = Fleet::of(1);
    let call = fleet.entry(0).get_or_set(fleet.load(ms(200)));
    assert!(timeout(ms(50), call).await.is_err());
    assert_eq!(fleet.caches[0].stats().troubles.dropped_load, 0);
}

/// `buffered(4)`: the first future is polled until its load runs, and is then left lying.
#[tokio::test(start_paused = true)]
async fn a_caller_that_is_not_polled_any_more_holds_up_nobody() {
    let fleet = Fleet::of(1);
    let mut parked = Box::pin(fleet.entry(0).get_or_set_detached(fleet.load(ms(100))));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    while fleet.loads() == 0 {
        assert!(parked.as_mut().poll(&mut cx).is_pending());
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    let other = fleet.entry(0).get_or_set_detached(fleet.load(ms(100)));
    assert_eq!((other.await.unwrap(), begun.elapsed()), (1, ms(100)));
    assert_eq!(parked.await.unwrap(), 1);
}

/// A cold load that has not begun, because another process has the lease, is for those who wait for it.
#[tokio::test(start_paused = true)]
async fn a_task_whose_load_has_not_begun_ends_with_the_last_caller_that_waits() {
    let fleet = Fleet::of(2);
    let theirs = timed(fleet.entry(1).get_or_set(fleet.load(secs(3))));
    settle().await;
    let ours: Vec<_> = (1..=3)
        .map(|caller| {
            let call = fleet.entry(0).get_or_set_detached(fleet.load(secs(3)));
            tokio::spawn(timeout(ms(100) * caller, call))
        })
        .collect();
    for call in ours {
        assert!(call.await.unwrap().is_err());
    }
    settle().await;
    fleet.caches[0].invalidate("k").await.unwrap(); // the lease is free, and nobody is there to take it
    assert_eq!(theirs.await.unwrap().1.unwrap(), 1);
    settle().await;
    assert_eq!(fleet.loads(), 1);
}

/// A load whose lease is void could only be given to callers that wait.
#[tokio::test(start_paused = true)]
async fn a_void_load_for_which_nobody_waits_is_aborted_and_one_that_is_waited_for_is_not() {
    let ended = Arc::new(AtomicUsize::new(0));
    let load = |fleet: &Fleet| {
        let (loads, ended) = (fleet.loads.clone(), Arc::clone(&ended));
        move || async move {
            let running = loads.begin();
            sleep(secs(10)).await;
            ended.fetch_add(1, Ordering::SeqCst);
            Ok::<_, io::Error>(running.number)
        }
    };
    let fleet = Fleet::of(1);
    let left = fleet.entry(0).get_or_set_detached(load(&fleet));
    assert!(timeout(secs(1), left).await.is_err());
    fleet.caches[0].invalidate("k").await.unwrap();
    sleep(secs(20)).await;
    assert_eq!((ended.load(Ordering::SeqCst), fleet.caches[0].stats().loads.aborted), (0, 1));

    let stays = timed(fleet.entry(0).get_or_set_detached(load(&fleet)));
    sleep(secs(1)).await;
    fleet.caches[0].invalidate("k").await.unwrap();
    let (took, value) = stays.await.unwrap();
    assert_eq!((took, value.unwrap()), (secs(10), 2), "it is given what its own body read");
    assert_eq!(fleet.entry(0).peek().await.unwrap(), None, "which is not stored");
}

#[tokio::test(start_paused = true)]
async fn a_load_that_takes_a_minute_is_cached_either_way() {
    let fleet = Fleet::of(1);
    assert_eq!(fleet.entry(0).get_or_set(fleet.load(secs(66))).await.unwrap(), 1);
    assert_eq!(fleet.entry(0).peek().await.unwrap(), Some(1));
    fleet.entry(0).invalidate().await.unwrap();
    assert_eq!(fleet.entry(0).get_or_set_detached(fleet.load(secs(66))).await.unwrap(), 2);
    assert_eq!(fleet.entry(0).peek().await.unwrap(), Some(2));
}

/// The lease of a detached load is renewed from another task, so a body may keep its thread, as long as another thread of the
/// runtime is free. Real time, because the body blocks.
#[test]
fn a_body_that_keeps_its_thread_keeps_its_lease() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let fleet = Fleet::with(1, |builder| builder.lock_timeout(ms(300)));
        let blocks = || async {
            std::thread::sleep(ms(900));
            Ok::<_, io::Error>(1)
        };
        assert_eq!(fleet.entry(0).get_or_set_detached(blocks).await.unwrap(), 1);
        assert_eq!(fleet.entry(0).peek().await.unwrap(), Some(1), "it was stored");
    });
}

/// On one thread nobody can renew, and that is told.
#[test]
fn on_a_blocked_runtime_of_one_thread_the_lease_lapses_and_that_is_told() {
    let log = Log::open();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let fleet = Fleet::with(1, |builder| builder.lock_timeout(ms(100)));
        let blocks = || async {
            std::thread::sleep(ms(400));
            Ok::<_, io::Error>(1)
        };
        assert_eq!(fleet.entry(0).get_or_set_detached(blocks).await.unwrap(), 1);
        assert_eq!(fleet.entry(0).peek().await.unwrap(), None);
        assert_eq!(fleet.caches[0].stats().troubles.lease_expired, 1);
    });
    let told = log.events(Level::WARN);
    assert!(told.iter().any(|line| line.message.contains("keeps its thread")), "{told:?}");
}

/// Outside a tokio runtime there are no tasks: the load runs in its caller.
#[test]
fn outside_a_runtime_a_detached_load_runs_in_its_caller() {
    let cache = CacheFence::in_memory();
    let entry = cache.entry::<u32>("k").ttl(TTL);
    let mut call = std::pin::pin!(entry.get_or_set_detached(|| async { Ok::<_, io::Error>(1) }));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(value) = call.as_mut().poll(&mut cx) else { panic!("nothing has to wait") };
    assert_eq!(value.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_loads_that_end_and_gives_back_the_leases_of_those_that_do_not() {
    let fleet = Fleet::of(2);
    let left = fleet.entry(0).get_or_set_detached(fleet.load(secs(2)));
    assert!(timeout(ms(10), left).await.is_err());
    let endless = fleet.caches[0].entry::<usize>("other").ttl(TTL);
    let left = endless.clone().get_or_set_detached(fleet.load(TTL));
    assert!(timeout(ms(10), left).await.is_err());
    let begun = Instant::now();
    fleet.caches[0].shutdown().await.unwrap();
    assert_eq!(begun.elapsed(), WAIT);
    assert_eq!(fleet.entry(1).peek().await.unwrap(), Some(1));
    let theirs = fleet.caches[1].entry::<usize>("other").ttl(TTL);
    let begun = Instant::now();
    assert_eq!(theirs.get_or_set(fleet.load(Duration::ZERO)).await.unwrap(), 3);
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits for a lease that is given back");

    // What is called afterwards is served, in its caller.
    endless.invalidate().await.unwrap();
    let call = endless.clone().get_or_set_detached(fleet.load(secs(1)));
    assert!(timeout(ms(10), call).await.is_err());
    sleep(secs(2)).await;
    assert_eq!(endless.peek().await.unwrap(), None, "its caller has taken it along");
}

#[tokio::test(start_paused = true)]
async fn shutdown_sends_what_the_store_has_not_taken_and_says_if_it_cannot() {
    let fleet = Fleet::of(1);
    fleet.staged.refuse(cachefence_tests::Op::Invalidate);
    assert!(!fleet.caches[0].invalidate_eventually("k").await.unwrap());
    let error = fleet.caches[0].shutdown().await.unwrap_err().to_string();
    assert!(error.contains("invalidations that were not sent: 1;"), "{error}");
    fleet.staged.accept(cachefence_tests::Op::Invalidate);
    fleet.caches[0].shutdown().await.unwrap();
    assert_eq!(fleet.caches[0].stats().pending_invalidations, 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_leaves_no_caller_waiting() {
    let fleet = Fleet::of(1);
    let waits = timed(fleet.entry(0).get_or_set_detached(fleet.load(secs(20))));
    settle().await;
    fleet.caches[0].shutdown().await.unwrap();
    let (took, value) = waits.await.unwrap();
    assert_eq!((took, value.unwrap()), (secs(20), 1));
}
