use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

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

/// How many threads this process has.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_runtime_that_has_ended_it_has_one_thread_however_often_it_is_polled() {
    const POLLS: usize = 100;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _inside = handle.enter();
    let mut alarm = pin!(after(60_000));
    let before = threads();
    let wakers: [_; POLLS] = std::array::from_fn(|_| Arc::new(Woken::default()));
    for woken in &wakers {
        let waker = Waker::from(Arc::clone(woken));
        assert!(alarm.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    // The tests beside this one may have begun a few.
    assert!(threads() < before + POLLS / 2, "{} threads, {before} before", threads());

    let mut soon = pin!(after(20));
    for woken in &wakers[..2] {
        let waker = Waker::from(Arc::clone(woken));
        assert!(soon.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    wakers[1].wait();
    assert!(soon.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert!(!wakers[0].0.load(Ordering::SeqCst), "only the last waker is woken");
}

/// A waker that remembers that it was called, and unparks the test's thread.
struct Woken(AtomicBool, thread::Thread);

impl Default for Woken {
    fn default() -> Self {
        Self(AtomicBool::new(false), thread::current())
    }
}

impl Woken {
    fn wait(&self) {
        while !self.0.load(Ordering::SeqCst) {
            thread::park();
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
        self.1.unpark();
    }
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
