//! What passes from a leader that is dropped to the joiner that goes on, and when joiners are freed.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use cachefence::store::{Acquire, Acquired};
use cachefence::testing::{key, token};
use cachefence::{CacheFence, MemoryStore, Store as _};
use cachefence_tests::{Network, Op, Phase, Staged};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(3_600);
const LEASE: Duration = Duration::from_secs(3);

struct World {
    staged: Arc<Staged>,
    ours: CacheFence,
    theirs: CacheFence,
    loads: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        let staged = Arc::new(Staged::default());
        let build = || {
            let builder = CacheFence::builder().store(Network(Arc::clone(&staged))).beta(0.0);
            builder.lock_timeout(LEASE).wait_for_lock(TTL).build_lazy().unwrap()
        };
        Self { ours: build(), theirs: build(), staged, loads: Arc::default() }
    }

    /// A call that says when its recompute has begun, which takes `takes`.
    fn call(&self, takes: Duration) -> (JoinHandle<usize>, Arc<Notify>) {
        let (entry, loads) = (self.ours.entry("k").ttl(TTL), Arc::clone(&self.loads));
        let begun = Arc::new(Notify::new());
        let begins = Arc::clone(&begun);
        let call = tokio::spawn(entry.get_or_set(move || async move {
            let number = loads.fetch_add(1, Ordering::SeqCst) + 1;
            begins.notify_one();
            sleep(takes).await;
            Ok::<_, std::io::Error>(number)
        }));
        (tokio::spawn(async { call.await.unwrap().unwrap() }), begun)
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

/// A call that can be dropped: `World::call` without the task around it.
fn droppable(world: &World, takes: Duration) -> (JoinHandle<()>, Arc<Notify>) {
    let (entry, loads) = (world.ours.entry("k").ttl(TTL), Arc::clone(&world.loads));
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let call = tokio::spawn(async move {
        let load = || async {
            let number = loads.fetch_add(1, Ordering::SeqCst) + 1;
            begins.notify_one();
            sleep(takes).await;
            Ok::<_, std::io::Error>(number)
        };
        drop(entry.get_or_set(load).await);
    });
    (call, begun)
}

async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_passes_on_without_a_second_acquire() {
    let world = World::new();
    let (leader, begun) = droppable(&world, TTL);
    begun.notified().await;
    let (joiner, _) = world.call(Duration::ZERO);
    settle().await;
    leader.abort();
    assert_eq!(joiner.await.unwrap(), 2, "it ran its own recompute");
    assert_eq!(world.staged.count(Op::Acquire), 1);
    assert_eq!(world.staged.count(Op::Release), 0);
    let stored = world.ours.entry::<usize>("k").peek().await.unwrap();
    assert_eq!(stored, Some(2), "under the lease of the first");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_has_run_out_is_not_inherited() {
    let world = World::new();
    let (entry, loads) = (world.ours.entry("k").ttl(TTL), Arc::clone(&world.loads));
    let mut leader = Box::pin(entry.get_or_set(move || async move {
        loads.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<usize, std::io::Error>>().await
    }));
    let begun = poll_fn(|cx| {
        assert!(leader.as_mut().poll(cx).is_pending());
        if world.loads() == 1 { Poll::Ready(()) } else { Poll::Pending }
    });
    begun.await;
    let (joiner, _) = world.call(Duration::ZERO);
    settle().await;
    sleep(LEASE * 2).await; // nobody polls the leader, so nobody renews
    drop(leader);
    assert_eq!(joiner.await.unwrap(), 2);
    assert_eq!(world.staged.count(Op::Acquire), 2);
    assert_eq!(world.ours.entry::<usize>("k").peek().await.unwrap(), Some(2), "it was stored");
}

#[tokio::test(start_paused = true)]
async fn an_inherited_lease_is_renewed_in_time() {
    let world = World::new();
    // Each holder is dropped before its own first renewal would be due.
    let (mut leader, begun) = droppable(&world, TTL);
    begun.notified().await;
    for _ in 0..10 {
        let (next, begun) = droppable(&world, TTL);
        sleep(LEASE * 3 / 10).await;
        leader.abort();
        begun.notified().await;
        leader = next;
    }
    assert!(world.staged.count(Op::Renew) >= 5, "{}", world.staged.count(Op::Renew));
    assert_eq!(world.staged.count(Op::Acquire), 1, "the lease never ran out");
    leader.abort();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_cut_off_is_carried_to_its_end() {
    for phase in [Phase::Request, Phase::Reply] {
        let world = World::new();
        let stop = world.staged.stop(Op::Fill, phase);
        let (leader, begun) = droppable(&world, Duration::from_secs(1));
        begun.notified().await;
        let (joiner, _) = world.call(Duration::ZERO);
        stop.reached().await;
        leader.abort();
        assert_eq!(joiner.await.unwrap(), 1, "the value of the first, cut off at its {phase:?}");
        assert_eq!(world.loads(), 1);
        assert_eq!(world.staged.count(Op::Acquire), 1);
        assert_eq!(world.ours.entry::<usize>("k").peek().await.unwrap(), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_loses_its_lease_frees_its_joiners() {
    let world = World::new();
    let (leader, begun) = world.call(TTL);
    begun.notified().await;
    let (joiner, _) = world.call(Duration::ZERO);
    settle().await;
    let invalidated = Instant::now();
    world.theirs.invalidate("k").await.unwrap();
    assert_eq!(joiner.await.unwrap(), 2);
    // At the leader's next renewal, not when it is done.
    assert!(invalidated.elapsed() <= LEASE / 3 + Duration::from_secs(1));
    assert!(!leader.is_finished());
    leader.abort();
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_every_third_of_it() {
    let world = World::new();
    let (leader, _) = world.call(LEASE * 2 + LEASE / 6);
    leader.await.unwrap();
    assert_eq!(world.staged.count(Op::Renew), 6);
    assert_eq!(world.ours.entry::<usize>("k").peek().await.unwrap(), Some(1), "it was kept");
}

/// The harness's fleet shows the same with processes and a real clock; here the clock is exact.
#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_replaced_as_soon_as_its_lease_ends() {
    const DEFAULT_LEASE: Duration = Duration::from_secs(2);
    let store = Arc::new(MemoryStore::default());
    let (key, dead) = (key("k"), token());
    let held = store.acquire(&key, &Acquire::new(dead, DEFAULT_LEASE)).await.unwrap();
    assert!(matches!(held, Acquired::Lease));
    let cache = CacheFence::builder().store(store).build_lazy().unwrap();
    let begun = Instant::now();
    let load = || async { Ok::<_, Infallible>(begun.elapsed()) };
    let waited = cache.get_or_set("k", TTL, load).await.unwrap();
    assert!(waited >= DEFAULT_LEASE, "{waited:?}");
    assert!(waited <= DEFAULT_LEASE + Duration::from_millis(5), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_cut_off_reaches_everybody_who_waits() {
    let world = World::new();
    let stop = world.staged.stop(Op::Fill, Phase::Request);
    let (leader, begun) = droppable(&world, Duration::from_secs(1));
    begun.notified().await;
    let joiners = [(); 5].map(|()| world.call(Duration::ZERO).0);
    stop.reached().await;
    let reads = world.staged.count(Op::Read);
    leader.abort();
    for joiner in joiners {
        assert_eq!(joiner.await.unwrap(), 1);
    }
    assert_eq!(world.loads(), 1);
    assert_eq!(world.staged.count(Op::Acquire), 1);
    assert_eq!(world.staged.count(Op::Read), reads, "it is fenced: nobody has to look again");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_max_rebuild_and_no_longer() {
    let world = World::new();
    let builder = CacheFence::builder().store(Network(Arc::clone(&world.staged)));
    let cache = builder.lock_timeout(LEASE).max_rebuild(LEASE * 2).build_lazy().unwrap();
    let load = || async {
        sleep(TTL).await;
        Ok::<_, std::io::Error>(1)
    };
    assert_eq!(cache.get_or_set("k", TTL, load).await.unwrap(), 1);
    assert_eq!(world.staged.count(Op::Renew), 6);
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_which_nothing_was_heard_is_not_stored_under() {
    let world = World::new();
    let entry = || world.ours.entry::<usize>("k").ttl(TTL).beta(1e300);
    let (first, _) = world.call(Duration::from_secs(1));
    first.await.unwrap();
    // An early refresh, dropped when it has asked for the lock, and before it was answered.
    let stop = world.staged.stop(Op::Acquire, Phase::Reply);
    let refresh = tokio::spawn(entry().get_or_set(|| async { Ok::<_, std::io::Error>(7) }));
    stop.reached().await;
    // Somebody who cannot read waits for it, and goes on in its place.
    let unread = world.staged.delay_beyond_failure(Op::Read);
    let (heir, _) = world.call(Duration::from_secs(1));
    unread.reached().await;
    settle().await;
    let stored = world.staged.count(Op::Fill);
    refresh.abort();
    assert_eq!(heir.await.unwrap(), 2);
    assert_eq!(world.staged.count(Op::Fill), stored);
    assert_eq!(world.ours.entry::<usize>("k").peek().await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_the_lock_is_asked_once() {
    let world = World::new();
    world.staged.refuse(Op::Acquire);
    let (call, _) = world.call(Duration::from_secs(1));
    assert_eq!(call.await.unwrap(), 1);
    assert_eq!(world.staged.count(Op::Acquire), 1);
    assert_eq!(world.staged.count(Op::Fill), 0, "there is no lease to store it under");
}

/// Watching is a convenience: the store works, so nobody rebuilds without it.
#[tokio::test(start_paused = true)]
async fn a_waiter_that_cannot_watch_looks_again_and_again() {
    let world = World::new();
    world.staged.break_watching();
    let (holder, begun) = world.call(TTL / 100);
    begun.notified().await;
    let theirs = world.theirs.entry::<usize>("k").ttl(TTL);
    let waiter = theirs.get_or_set(async || Ok::<_, Infallible>(0));
    assert_eq!(waiter.await.unwrap(), 1, "what the holder loads");
    assert_eq!((holder.await.unwrap(), world.loads()), (1, 1));
}
