use std::future::poll_fn;
use std::time::Duration;

use tokio::time::{advance, timeout};

use super::*;

fn after(millis: u64) -> Alarm {
    Alarm::at(Some(Instant::now() + Duration::from_millis(millis)))
}

fn in_use() -> usize {
    Alarms::of(&Handle::current()).list().in_use()
}

#[tokio::test(start_paused = true)]
async fn each_rings_at_its_time() {
    let begun = Instant::now();
    let tasks = [300, 100, 200, 100].map(|millis| {
        tokio::spawn(async move {
            after(millis).await;
            assert_eq!(begun.elapsed().as_millis(), u128::from(millis));
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_earlier_than_all_is_not_late() {
    let late = tokio::spawn(after(1_000));
    advance(Duration::from_millis(10)).await;
    let begun = Instant::now();
    after(20).await;
    assert_eq!(begun.elapsed().as_millis(), 20);
    late.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_is_taken_back_does_not_ring() {
    let begun = Instant::now();
    let limit = Duration::from_millis(5);
    assert!(timeout(limit, after(1_000)).await.is_err());
    assert_eq!((in_use(), begun.elapsed()), (0, limit));
}

#[test]
fn polled_on_another_runtime_after_its_own_has_ended_it_rings_there() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut alarm = after(50);
    let first = runtime();
    first.block_on(async {
        assert!(timeout(Duration::from_millis(1), &mut alarm).await.is_err());
    });
    drop(first);
    runtime().block_on(async { timeout(Duration::from_secs(60), alarm).await.unwrap() });
}

#[test]
fn on_a_runtime_that_has_ended_it_rings() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    handle.block_on(after(20));
}

#[test]
fn on_a_runtime_without_timers_it_waits() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut alarm = pin!(after(60_000));
        let mut polled = 0;
        poll_fn(|cx| {
            polled += 1;
            assert!(alarm.as_mut().poll(cx).is_pending());
            cx.waker().wake_by_ref();
            if polled < 100 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    });
}

#[test]
fn what_a_crowd_has_left_is_given_back() {
    let mut list = List::default();
    let now = Instant::now();
    let set = || Timer::Set { deadline: now, waker: Waker::noop().clone() };
    let crowd: Vec<_> = (0..1_000).map(|_| list.insert(set())).collect();
    let (few, most) = crowd.split_at(3);
    for number in most.iter().chain(&few[..1]) {
        list.remove(*number);
    }
    assert_eq!(list.ring(now - Duration::from_secs(1)).len(), 0);
    assert_eq!((list.timers.len(), list.in_use()), (3, 2));
    assert!(list.timers.capacity() < 10, "{}", list.timers.capacity());
    assert_eq!([list.insert(set()), list.insert(set())], [0, 3], "the first that is free");
    assert_eq!((list.ring(now).len(), list.next), (4, None));
}

#[test]
fn outside_a_runtime_it_waits() {
    let mut alarm = pin!(Alarm::at(Some(Instant::now())));
    assert!(alarm.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}
