//! G1: no call that starts after `invalidate` returned Ok is given anything that was read before it.
//!
//! One file, one promise: every way around it that has been thought of, with the messages stopped
//! where they have to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use cachefence::{CacheFence, Error};
use cachefence_tests::{Network, Op, Phase, Staged};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

const TTL: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(20);

/// A database of one number, and two workers that cache it.
#[derive(Clone)]
struct World {
    staged: Arc<Staged>,
    ours: CacheFence,
    theirs: CacheFence,
    version: Arc<AtomicU32>,
    loads: Arc<AtomicUsize>,
}

type Answer = Result<u32, Arc<Error<String>>>;

impl World {
    fn new() -> Self {
        let staged = Arc::new(Staged::default());
        let build = || {
            let builder = CacheFence::builder().store(Network(Arc::clone(&staged))).beta(0.0);
            builder.lock_timeout(TTL).wait_for_lock(TTL).build_lazy().unwrap()
        };
        let (ours, theirs) = (build(), build());
        Self { staged, ours, theirs, version: Arc::new(AtomicU32::new(1)), loads: Arc::default() }
    }

    /// A call whose recompute has read the database when it says so, and returns when it is told.
    fn slow_call(&self, cache: &CacheFence) -> (JoinHandle<Answer>, Arc<Notify>, Arc<Notify>) {
        let (read, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (cache, world) = (cache.clone(), self.clone());
        let (has_read, told) = (Arc::clone(&read), Arc::clone(&go_on));
        let call = tokio::spawn(async move {
            let load = || async {
                world.loads.fetch_add(1, Ordering::SeqCst);
                let version = world.version.load(Ordering::SeqCst);
                has_read.notify_one();
                told.notified().await;
                answer(version)
            };
            cache.get_or_set("k", TTL, load).await.map_err(Arc::new)
        });
        (call, read, go_on)
    }

    fn call(&self, cache: &CacheFence) -> JoinHandle<Answer> {
        let (cache, world) = (cache.clone(), self.clone());
        tokio::spawn(async move {
            let load = || async {
                world.loads.fetch_add(1, Ordering::SeqCst);
                answer(world.version.load(Ordering::SeqCst))
            };
            cache.get_or_set("k", TTL, load).await.map_err(Arc::new)
        })
    }

    /// Commits the next version and invalidates.
    async fn change(&self, cache: &CacheFence) {
        self.version.fetch_add(1, Ordering::SeqCst);
        cache.invalidate("k").await.unwrap();
    }
}

/// Version 0 stands for data that is not there: the database says so by an error.
fn answer(version: u32) -> Result<u32, String> {
    if version == 0 { Err("no such row".to_owned()) } else { Ok(version) }
}

async fn end(call: JoinHandle<Answer>) -> Answer {
    timeout(SOON, call).await.expect("nobody is stranded").unwrap()
}

/// Lets everything that can happen without the test happen.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_rebuild_that_read_before_keeps_its_value_to_its_own_caller() {
    let world = World::new();
    let (leader, has_read, go_on) = world.slow_call(&world.ours);
    has_read.notified().await;
    let joiner = world.call(&world.ours);
    settle().await;
    // Invalidated by another worker, so that no flight here knows of it.
    world.change(&world.theirs).await;
    let late = world.call(&world.ours);
    settle().await;
    go_on.notify_one();
    assert_eq!(end(leader).await.unwrap(), 1, "its own caller called before");
    assert_eq!(end(joiner).await.unwrap(), 2, "what was refused goes to nobody else");
    assert_eq!(end(late).await.unwrap(), 2);
    assert_eq!(end(world.call(&world.theirs)).await.unwrap(), 2, "and it was not stored");
}

#[tokio::test]
async fn an_invalidation_here_frees_the_joiners_at_once() {
    let world = World::new();
    let (leader, has_read, go_on) = world.slow_call(&world.ours);
    has_read.notified().await;
    let joiner = world.call(&world.ours);
    settle().await;
    world.change(&world.ours).await;
    // The leader is still at it.
    assert_eq!(end(joiner).await.unwrap(), 2);
    go_on.notify_one();
    assert_eq!(end(leader).await.unwrap(), 1);
    assert_eq!(end(world.call(&world.ours)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_flight_cannot_be_joined_once_its_recompute_has_returned() {
    let world = World::new();
    let stop = world.staged.stop(Op::Fill, Phase::Reply);
    let leader = world.call(&world.ours);
    stop.reached().await; // stored; the reply is on its way
    world.change(&world.theirs).await;
    let late = world.call(&world.ours);
    settle().await;
    stop.go();
    assert_eq!(end(leader).await.unwrap(), 1);
    assert_eq!(end(late).await.unwrap(), 2);
}

#[tokio::test]
async fn a_read_under_way_is_not_shared_with_those_who_come_later() {
    let world = World::new();
    end(world.call(&world.ours)).await.unwrap();
    let stop = world.staged.stop(Op::Read, Phase::Reply);
    let early = world.call(&world.ours);
    stop.reached().await; // it has found version 1
    world.change(&world.theirs).await;
    let late = world.call(&world.ours);
    settle().await;
    stop.go();
    assert_eq!(end(early).await.unwrap(), 1);
    assert_eq!(end(late).await.unwrap(), 2);
}

#[tokio::test]
async fn a_waiters_look_is_not_shared_with_those_who_come_later() {
    let world = World::new();
    let (holder, has_read, go_on) = world.slow_call(&world.theirs);
    has_read.notified().await;
    let waiter = world.call(&world.ours);
    settle().await; // it has found the lock held, and waits
    let stop = world.staged.stop(Op::Acquire, Phase::Reply);
    go_on.notify_one();
    assert_eq!(end(holder).await.unwrap(), 1);
    stop.reached().await; // the waiter's next look has found version 1
    world.change(&world.theirs).await;
    let late = world.call(&world.ours);
    settle().await;
    stop.go();
    assert_eq!(end(waiter).await.unwrap(), 1);
    assert_eq!(end(late).await.unwrap(), 2);
}

#[tokio::test]
async fn a_lease_that_is_granted_late_stores_nothing() {
    let world = World::new();
    let late_acquire = world.staged.delay_beyond_failure(Op::Acquire);
    let (leader, has_read, go_on) = world.slow_call(&world.ours);
    has_read.notified().await; // without a lease: the store did not answer
    world.change(&world.theirs).await;
    late_acquire.reached().await;
    late_acquire.go(); // only now the lock is set, with the flight's token
    settle().await;
    go_on.notify_one();
    assert_eq!(end(leader).await.unwrap(), 1);
    let seen = world.theirs.entry::<u32>("k").peek().await.unwrap();
    assert_eq!(seen, None, "version 1 is stored after all");
}

#[tokio::test]
async fn a_set_that_arrives_late_undoes_nothing() {
    let world = World::new();
    for op in [Op::Seize, Op::Fill] {
        let late_set = world.staged.delay_beyond_failure(op);
        let set = world.ours.entry::<u32>("k").ttl(TTL).set(&1).await;
        assert!(matches!(set, Err(Error::Store(_))));
        world.theirs.invalidate("k").await.unwrap();
        late_set.reached().await;
        late_set.go();
        settle().await;
        assert_eq!(world.theirs.entry::<u32>("k").peek().await.unwrap(), None, "{op:?}");
    }
}

#[tokio::test]
async fn an_error_is_data_too() {
    let world = World::new();
    world.version.store(0, Ordering::SeqCst);
    let (leader, has_read, go_on) = world.slow_call(&world.ours);
    has_read.notified().await;
    let fellow = world.call(&world.ours);
    settle().await;
    world.change(&world.theirs).await; // the row is there now
    let late = world.call(&world.ours);
    settle().await;
    go_on.notify_one();
    end(leader).await.unwrap_err();
    assert_eq!(end(fellow).await.unwrap(), 1);
    assert_eq!(end(late).await.unwrap(), 1);
}

#[tokio::test]
async fn an_error_reaches_all_who_wait_while_nothing_changes() {
    let world = World::new();
    world.version.store(0, Ordering::SeqCst);
    let (leader, has_read, go_on) = world.slow_call(&world.ours);
    has_read.notified().await;
    let fellows: Vec<_> = (0..10).map(|_| world.call(&world.ours)).collect();
    settle().await;
    go_on.notify_one();
    end(leader).await.unwrap_err();
    for fellow in fellows {
        end(fellow).await.unwrap_err();
    }
    assert_eq!(world.loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_value_that_is_set_wins_over_a_rebuild_under_way() {
    let world = World::new();
    let (leader, has_read, go_on) = world.slow_call(&world.ours);
    has_read.notified().await;
    let joiner = world.call(&world.ours);
    settle().await;
    world.theirs.entry::<u32>("k").ttl(TTL).set(&7).await.unwrap();
    go_on.notify_one();
    assert_eq!(end(leader).await.unwrap(), 1);
    assert_eq!(end(joiner).await.unwrap(), 7);
}

#[tokio::test]
async fn a_value_that_is_set_here_frees_the_joiners_at_once() {
    let world = World::new();
    let (leader, has_read, go_on) = world.slow_call(&world.ours);
    has_read.notified().await;
    let joiner = world.call(&world.ours);
    settle().await;
    world.ours.entry::<u32>("k").ttl(TTL).set(&7).await.unwrap();
    // The leader is still at it.
    assert_eq!(end(joiner).await.unwrap(), 7);
    go_on.notify_one();
    assert_eq!(end(leader).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_freed_sixteen_times_does_without_the_lock() {
    const FREED: usize = 16;
    let (world, go) = (World::new(), Arc::new(Semaphore::new(0)));
    let call = |_| {
        let (world, go) = (world.clone(), Arc::clone(&go));
        tokio::spawn(async move {
            let load = || async {
                world.loads.fetch_add(1, Ordering::SeqCst);
                go.acquire().await.unwrap().forget();
                answer(world.version.load(Ordering::SeqCst))
            };
            world.ours.get_or_set("k", TTL, load).await.map_err(Arc::new)
        })
    };
    let calls: Vec<JoinHandle<Answer>> = (0..20).map(call).collect();
    // Each time one of them begins another rebuild, under another lease, and the others join it.
    for rebuilds in 1..=FREED {
        settle().await;
        assert_eq!(world.loads.load(Ordering::SeqCst), rebuilds);
        assert_eq!(world.staged.count(Op::Acquire), rebuilds);
        world.change(&world.ours).await;
    }
    settle().await;
    assert_eq!(world.loads.load(Ordering::SeqCst), FREED + 1);
    assert_eq!(world.staged.count(Op::Acquire), FREED, "the last one has no lease");
    go.add_permits(20);
    for call in calls {
        end(call).await.unwrap();
    }
}

#[tokio::test]
async fn under_constant_invalidation_every_call_ends() {
    let world = World::new();
    let stopper = Arc::new(Notify::new());
    let invalidator = tokio::spawn({
        let (world, stopper) = (world.clone(), Arc::clone(&stopper));
        async move {
            let forever = async {
                loop {
                    world.change(&world.theirs).await;
                }
            };
            tokio::select! { () = forever => {}, () = stopper.notified() => {} }
        }
    });
    let calls: Vec<_> = (0..20).map(|_| world.call(&world.ours)).collect();
    for call in calls {
        end(call).await.unwrap();
    }
    stopper.notify_one();
    invalidator.await.unwrap();
}
