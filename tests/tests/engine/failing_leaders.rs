//! A load that failed is over for all who waited for it, whatever becomes of the one who ran it.

use std::sync::Arc;
use std::time::Duration;

use cachefence::Entry;
use cachefence_tests::{Op, Phase, Stop, settle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::stale_windows::{RETRY_AFTER, Stale, if_error};

/// A call whose load stops, and fails when it is let go.
fn failing(world: &Arc<Stale>, entry: Entry<String>) -> (JoinHandle<bool>, Arc<Stop>) {
    let (world, stop) = (Arc::clone(world), Stop::new());
    let at = Arc::clone(&stop);
    let load = async move {
        let result = world.fails().await;
        at.pass().await;
        result
    };
    let call = async move { entry.get_or_set(|| load).await.is_ok() };
    (tokio::spawn(call), stop)
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_while_its_lease_is_released_has_failed_for_all() {
    let world = Arc::new(Stale::nothing());
    for phase in [Phase::Request, Phase::Reply] {
        let before = world.loads();
        let (leader, load) = failing(&world, world.entry());
        load.reached().await;
        let joiners: Vec<_> = (0..5).map(|_| failing(&world, world.entry()).0).collect();
        settle().await;
        let stop = world.pair.staged.stop(Op::Release, phase);
        load.go();
        stop.reached().await;
        leader.abort();
        settle().await;
        stop.go();
        for joiner in joiners {
            assert!(!joiner.await.unwrap());
        }
        assert_eq!(world.loads(), before + 1, "{phase:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_while_it_gives_up_has_done_so_for_all() {
    let world = Arc::new(Stale::value(if_error).await);
    let limit = Duration::from_millis(100);
    let entry = || if_error(world.entry()).recompute_timeout(limit);
    let stop = world.pair.staged.stop(Op::Postpone, Phase::Request);
    let (leader, load) = failing(&world, entry());
    load.reached().await;
    let (joiner, _) = failing(&world, if_error(world.entry()));
    stop.reached().await;
    leader.abort();
    settle().await;
    stop.go();
    assert!(joiner.await.unwrap(), "it is served what is stale");
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_takes_too_long_is_made_all_the_same() {
    let patience = Duration::from_millis(200);
    let world = Arc::new(Stale::value(if_error).await);
    let stop = world.pair.staged.stop(Op::Postpone, Phase::Request);
    world.pair.staged.give_up_after(patience);
    let begun = Instant::now();
    let entry = if_error(world.entry());
    assert_eq!(entry.get_or_set(|| world.fails()).await.unwrap(), "old");
    assert_eq!(begun.elapsed(), patience);
    settle().await; // it is asked for once more, by nobody who waits
    drop(stop);
    let entry = if_error(world.their_entry());
    assert_eq!(entry.get_or_set(|| world.fails()).await.unwrap(), "old");
    assert_eq!(world.loads(), 2, "the whole fleet heeds it");
    sleep(RETRY_AFTER).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_is_found_although_somebody_loads() {
    let world = Arc::new(Stale::value(if_error).await);
    // The leader has no window, and so those who come later join it without a look.
    let (leader, load) = failing(&world, world.entry());
    load.reached().await;
    let (forgiving, _) = failing(&world, if_error(world.entry()));
    settle().await;
    let release = world.pair.staged.stop(Op::Release, Phase::Request);
    load.go();
    release.reached().await;
    // The next one reads, and when it has, loads; the forgiving one has to read after it.
    let read = world.pair.staged.stop(Op::Read, Phase::Request);
    let (_next, load) = failing(&world, world.entry());
    read.reached().await;
    release.go();
    assert!(!leader.await.unwrap());
    settle().await;
    read.go();
    load.reached().await;
    assert!(forgiving.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_holds_nothing_any_more_waits_as_long_as_others() {
    let world = Arc::new(Stale::value(if_error).await);
    let limit = Duration::from_millis(100);
    let slow = |entry, value: &'static str| {
        let entry = if_error(entry).recompute_timeout(limit);
        let world = Arc::clone(&world);
        let load = async move {
            sleep(limit * 10).await;
            world.ok(value).await
        };
        tokio::spawn(async move { entry.get_or_set(|| load).await.unwrap() })
    };
    let _first = slow(world.entry(), "never");
    settle().await;
    let second = slow(world.entry(), "ours");
    sleep(limit / 2).await;
    let read = world.pair.staged.stop(Op::Read, Phase::Request);
    world.entry().invalidate().await.unwrap();
    read.reached().await; // it starts again
    let theirs = slow(world.their_entry(), "theirs");
    settle().await;
    read.go();
    assert_eq!(second.await.unwrap(), "theirs");
    assert_eq!(theirs.await.unwrap(), "theirs");
}
