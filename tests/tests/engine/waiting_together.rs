//! What one caller finds is given to those who wait with it: they do not ask for themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::{Network, Op, Phase, Staged};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

const TTL: Duration = Duration::from_secs(3_600);

struct World {
    staged: Arc<Staged>,
    ours: CacheFence,
    theirs: CacheFence,
}

impl World {
    fn new(wait: Duration) -> Self {
        let staged = Arc::new(Staged::default());
        let build = || {
            let builder = CacheFence::builder().store(Network(Arc::clone(&staged))).beta(0.0);
            builder.wait_for_lock(wait).lock_timeout(TTL / 10).build_lazy().unwrap()
        };
        Self { ours: build(), theirs: build(), staged }
    }

    /// A rebuild in the other process, which has the lock, and ends when it is told.
    async fn theirs(&self) -> (JoinHandle<u32>, Arc<Notify>) {
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, told) = (Arc::clone(&begun), Arc::clone(&go));
        let entry = self.theirs.entry::<u32>("k").ttl(TTL);
        let call = tokio::spawn(async move {
            let load = || async {
                begins.notify_one();
                told.notified().await;
                Ok::<_, std::io::Error>(1)
            };
            entry.get_or_set(load).await.unwrap()
        });
        begun.notified().await;
        (call, go)
    }

    fn calls(&self, calls: usize, loads: &Arc<AtomicUsize>) -> Vec<JoinHandle<u32>> {
        let call = |_| {
            let (entry, loads) = (self.ours.entry("k").ttl(TTL), Arc::clone(loads));
            tokio::spawn(async move {
                let load = || async {
                    loads.fetch_add(1, Ordering::SeqCst);
                    sleep(TTL / 2).await;
                    Ok::<_, std::io::Error>(2)
                };
                entry.get_or_set(load).await.unwrap()
            })
        };
        (0..calls).map(call).collect()
    }
}

async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

async fn all(calls: Vec<JoinHandle<u32>>, value: u32) {
    for call in calls {
        assert_eq!(call.await.unwrap(), value);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_come_during_a_read_share_the_next() {
    let world = World::new(TTL);
    world.ours.entry::<u32>("k").ttl(TTL).set(&1).await.unwrap();
    let loads = Arc::default();
    let stop = world.staged.stop(Op::Read, Phase::Reply);
    let first = world.calls(1, &loads);
    stop.reached().await;
    let others = world.calls(10, &loads);
    settle().await;
    stop.go();
    all(first, 1).await;
    all(others, 1).await;
    assert_eq!(world.staged.count(Op::Read), 2);
}

/// Of a value whose text is `text`, after two have read it at a time: whether callers are held up by one
/// whose read does not come back.
async fn are_held_up(text: String) -> bool {
    let world = World::new(TTL);
    let entry = world.ours.entry::<String>("k").ttl(TTL);
    entry.set(&text).await.unwrap();
    let read = || {
        let (entry, text) = (entry.clone(), text.clone());
        tokio::spawn(async move {
            let body = || async { Ok::<_, std::io::Error>("no hit".to_owned()) };
            assert_eq!(entry.get_or_set(body).await.unwrap(), text);
        })
    };
    for _ in 0..2 {
        let stop = world.staged.stop(Op::Read, Phase::Reply);
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
    let world = World::new(TTL);
    let (theirs, go) = world.theirs().await;
    let loads = Arc::default();
    let ours = world.calls(10, &loads);
    settle().await;
    let before = world.staged.count(Op::Acquire);
    go.notify_one();
    assert_eq!(theirs.await.unwrap(), 1);
    all(ours, 1).await;
    assert_eq!(world.staged.count(Op::Acquire), before + 1);
}

#[tokio::test(start_paused = true)]
async fn what_an_overdue_caller_finds_is_given_to_those_who_wait_with_it() {
    let world = World::new(Duration::from_secs(1));
    let (theirs, go) = world.theirs().await;
    let loads = Arc::default();
    let ours = world.calls(10, &loads);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(loads.load(Ordering::SeqCst), 1, "it does without the lock");
    settle().await; // it looks for a value at random times, perhaps now
    let before = world.staged.count(Op::Read);
    go.notify_one();
    assert_eq!(theirs.await.unwrap(), 1);
    all(ours, 1).await;
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(world.staged.count(Op::Read), before + 1, "one look for all of them");
}

#[tokio::test(start_paused = true)]
async fn those_who_cannot_be_given_a_value_run_sixteen_at_a_time() {
    let world = World::new(TTL);
    let running = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let call = |_| {
        let (entry, running) = (world.ours.entry::<f64>("k").ttl(TTL), Arc::clone(&running));
        tokio::spawn(async move {
            let load = || async {
                let (now, most) = &*running;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(Duration::from_secs(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, std::io::Error>(f64::NAN) // for which there is no JSON
            };
            assert!(entry.get_or_set(load).await.unwrap().is_nan());
        })
    };
    for call in (0..50).map(call).collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!(running.1.load(Ordering::SeqCst), 16);
}
