//! A value that is not to be cached leaves a mark, and nobody queues behind it.

use super::*;

fn uncacheable(fleet: &Fleet, process: usize) -> Entry<usize> {
    fleet.entry(process).ttl_of(|_| Duration::ZERO)
}

#[tokio::test(start_paused = true)]
async fn the_processes_of_a_fleet_do_not_queue_behind_a_value_that_is_not_to_be_cached() {
    let fleet = Fleet::of(6);
    let calls: Vec<_> = (0..6)
        .map(|process| timed(uncacheable(&fleet, process).get_or_set(fleet.load(ms(800)))))
        .collect();
    let ended = ended(calls).await;
    // A waiter that no store wakes looks every fifth of a second at least.
    assert!(ended[5].0 <= ms(1_800), "{ended:?}");
    assert_eq!(fleet.loads(), 6);
}

#[tokio::test(start_paused = true)]
async fn the_callers_of_one_process_share_such_a_value_as_any_other() {
    let fleet = Fleet::of(1);
    for round in 1..=3 {
        let calls: Vec<_> = (0..50)
            .map(|_| timed(uncacheable(&fleet, 0).get_or_set(fleet.load(ms(800)))))
            .collect();
        let ended = ended(calls).await;
        assert_eq!((ended[49].0, fleet.loads()), (ms(800), round));
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_mark_lives_nobody_waits_for_another_process() {
    let fleet = Fleet::of(2);
    uncacheable(&fleet, 0).get_or_set(fleet.load(ms(100))).await.unwrap();
    let theirs = timed(uncacheable(&fleet, 1).get_or_set(fleet.load(secs(3))));
    settle().await;
    let ours = timed(uncacheable(&fleet, 0).get_or_set(fleet.load(ms(100))));
    assert_eq!(ours.await.unwrap().0, ms(100));
    assert_eq!(fleet.caches[0].stats().bypasses.uncacheable, 1);
    assert_eq!(theirs.await.unwrap().0, secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_mark_is_no_value_and_is_gone_after_a_second_or_an_invalidation() {
    let fleet = Fleet::of(2);
    uncacheable(&fleet, 0).get_or_set(fleet.load(ms(1))).await.unwrap();
    assert_eq!(fleet.entry(0).peek().await.unwrap(), None);
    let theirs = timed(fleet.entry(1).get_or_set(fleet.load(secs(3))));
    settle().await;
    sleep(ms(1_001)).await;
    let ours = timed(fleet.entry(0).get_or_set(fleet.load(secs(3))));
    let (took, value) = ours.await.unwrap();
    assert_eq!(value.unwrap(), 2, "past the mark a call waits for the other process again");
    assert!(took < secs(3));
    theirs.await.unwrap().1.unwrap();

    fleet.entry(0).invalidate().await.unwrap();
    uncacheable(&fleet, 0).get_or_set(fleet.load(ms(1))).await.unwrap();
    fleet.entry(0).invalidate().await.unwrap();
    let theirs = timed(fleet.entry(1).get_or_set(fleet.load(ms(500))));
    settle().await;
    let ours = fleet.entry(0).get_or_set(fleet.load(ms(500)));
    assert_eq!(ours.await.unwrap(), theirs.await.unwrap().1.unwrap());
}

/// A stale window does not reach through a mark: the value that was there may be of before.
#[tokio::test(start_paused = true)]
async fn what_is_stored_again_after_a_mark_is_a_value_as_any_other() {
    let fleet = Fleet::of(1);
    let entry = || fleet.entry(0).stale_if_error(TTL);
    entry().get_or_set(fleet.load(ms(1))).await.unwrap();
    sleep(TTL).await;
    entry().ttl_of(|_| Duration::ZERO).get_or_set(fleet.load(ms(1))).await.unwrap();
    let fails = || async { Err::<usize, _>(io::Error::other("the database is down")) };
    assert!(entry().get_or_set(fails).await.is_err(), "the mark has taken its place");
    assert_eq!(entry().get_or_set(fleet.load(ms(1))).await.unwrap(), 3);
    assert_eq!(entry().peek().await.unwrap(), Some(3));
}
