//! What passes from a leader that is dropped to the joiner that goes on, and when joiners are freed.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cachefence::store::{Acquire, Acquired};
use cachefence::testing::{key, token};
use cachefence::{CacheFence, MemoryStore, Store as _};
use cachefence_tests::{Op, Pair, Phase, cache_on, settle};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(3_600);
const LEASE: Duration = Duration::from_secs(3);

fn pair() -> Pair {
    Pair::new(|builder| builder.lock_timeout(LEASE).wait_for_lock(TTL))
}

/// A call of ours whose load takes `takes` and returns its number, and when that has begun.
fn call(pair: &Pair, takes: Duration) -> (JoinHandle<usize>, Arc<Notify>) {
    let (entry, loads) = (pair.ours.entry("k").ttl(TTL), pair.loads.clone());
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let call = tokio::spawn(async move {
        let load = || async move {
            let running = loads.begin();
            begins.notify_one();
            sleep(takes).await;
            Ok::<_, std::io::Error>(running.number)
        };
        entry.get_or_set(load).await.unwrap()
    });
    (call, begun)
}

#[tokio::test(start_paused = true)]
async fn the_lease_passes_on_without_a_second_acquire() {
    let pair = pair();
    let (leader, begun) = call(&pair, TTL);
    begun.notified().await;
    let (joiner, _) = call(&pair, Duration::ZERO);
    settle().await;
    leader.abort();
    assert_eq!(joiner.await.unwrap(), 2, "it ran its own recompute");
    assert_eq!(pair.staged.count(Op::Acquire), 1);
    assert_eq!(pair.staged.count(Op::Release), 0);
    let stored = pair.ours.entry::<usize>("k").peek().await.unwrap();
    assert_eq!(stored, Some(2), "under the lease of the first");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_has_run_out_is_not_inherited() {
    let pair = pair();
    let (entry, loads) = (pair.ours.entry("k").ttl(TTL), pair.loads.clone());
    let mut leader = Box::pin(entry.get_or_set(move || async move {
        let _running = loads.begin();
        std::future::pending::<Result<usize, std::io::Error>>().await
    }));
    let begun = poll_fn(|cx| {
        assert!(leader.as_mut().poll(cx).is_pending());
        if pair.loads.count() == 1 { Poll::Ready(()) } else { Poll::Pending }
    });
    begun.await;
    let (joiner, _) = call(&pair, Duration::ZERO);
    settle().await;
    sleep(LEASE * 2).await; // nobody polls the leader, so nobody renews
    drop(leader);
    assert_eq!(joiner.await.unwrap(), 2);
    assert_eq!(pair.staged.count(Op::Acquire), 2);
    assert_eq!(pair.ours.entry::<usize>("k").peek().await.unwrap(), Some(2), "it was stored");
}

#[tokio::test(start_paused = true)]
async fn an_inherited_lease_is_renewed_in_time() {
    let pair = pair();
    // Each holder is dropped before its own first renewal would be due.
    let (mut leader, begun) = call(&pair, TTL);
    begun.notified().await;
    for _ in 0..10 {
        let (next, begun) = call(&pair, TTL);
        sleep(LEASE * 3 / 10).await;
        leader.abort();
        begun.notified().await;
        leader = next;
    }
    assert!(pair.staged.count(Op::Renew) >= 5, "{}", pair.staged.count(Op::Renew));
    assert_eq!(pair.staged.count(Op::Acquire), 1, "the lease never ran out");
    leader.abort();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_cut_off_is_carried_to_its_end() {
    for phase in [Phase::Request, Phase::Reply] {
        let pair = pair();
        let stop = pair.staged.stop(Op::Fill, phase);
        let (leader, begun) = call(&pair, Duration::from_secs(1));
        begun.notified().await;
        let (joiner, _) = call(&pair, Duration::ZERO);
        stop.reached().await;
        leader.abort();
        assert_eq!(joiner.await.unwrap(), 1, "the value of the first, cut off at its {phase:?}");
        assert_eq!(pair.loads.count(), 1);
        assert_eq!(pair.staged.count(Op::Acquire), 1);
        assert_eq!(pair.ours.entry::<usize>("k").peek().await.unwrap(), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_loses_its_lease_frees_its_joiners() {
    let pair = pair();
    let (leader, begun) = call(&pair, TTL);
    begun.notified().await;
    let (joiner, _) = call(&pair, Duration::ZERO);
    settle().await;
    let invalidated = Instant::now();
    pair.theirs.invalidate("k").await.unwrap();
    assert_eq!(joiner.await.unwrap(), 2);
    // At the leader's next renewal, not when it is done.
    assert!(invalidated.elapsed() <= LEASE / 3 + Duration::from_secs(1));
    assert!(!leader.is_finished());
    leader.abort();
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_every_third_of_it() {
    let pair = pair();
    let (leader, _) = call(&pair, LEASE * 2 + LEASE / 6);
    leader.await.unwrap();
    assert_eq!(pair.staged.count(Op::Renew), 6);
    assert_eq!(pair.ours.entry::<usize>("k").peek().await.unwrap(), Some(1), "it was kept");
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
    let pair = pair();
    let stop = pair.staged.stop(Op::Fill, Phase::Request);
    let (leader, begun) = call(&pair, Duration::from_secs(1));
    begun.notified().await;
    let joiners = [(); 5].map(|()| call(&pair, Duration::ZERO).0);
    stop.reached().await;
    let reads = pair.staged.count(Op::Read);
    leader.abort();
    for joiner in joiners {
        assert_eq!(joiner.await.unwrap(), 1);
    }
    assert_eq!(pair.loads.count(), 1);
    assert_eq!(pair.staged.count(Op::Acquire), 1);
    assert_eq!(pair.staged.count(Op::Read), reads, "it is fenced: nobody has to look again");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_load_timeout_and_no_longer() {
    let pair = pair();
    let cache =
        cache_on(&pair.staged, |builder| builder.lock_timeout(LEASE).load_timeout(LEASE * 2));
    let load = || async {
        sleep(TTL).await;
        Ok::<_, std::io::Error>(1)
    };
    assert_eq!(cache.get_or_set("k", TTL, load).await.unwrap(), 1);
    assert_eq!(pair.staged.count(Op::Renew), 6);
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_which_nothing_was_heard_is_not_stored_under() {
    let pair = pair();
    let entry = || pair.ours.entry::<usize>("k").ttl(TTL).beta(1e300);
    let (first, _) = call(&pair, Duration::from_secs(1));
    first.await.unwrap();
    // An early refresh, dropped when it has asked for the lock, and before it was answered.
    let stop = pair.staged.stop(Op::Acquire, Phase::Reply);
    let refresh = tokio::spawn(entry().get_or_set(|| async { Ok::<_, std::io::Error>(7) }));
    stop.reached().await;
    // Somebody who cannot read waits for it, and goes on in its place.
    let unread = pair.staged.delay_beyond_failure(Op::Read);
    let (heir, _) = call(&pair, Duration::from_secs(1));
    unread.reached().await;
    settle().await;
    let stored = pair.staged.count(Op::Fill);
    refresh.abort();
    assert_eq!(heir.await.unwrap(), 2);
    assert_eq!(pair.staged.count(Op::Fill), stored);
    assert_eq!(pair.ours.entry::<usize>("k").peek().await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_the_lock_is_asked_once() {
    let pair = pair();
    pair.staged.refuse(Op::Acquire);
    let (call, _) = call(&pair, Duration::from_secs(1));
    assert_eq!(call.await.unwrap(), 1);
    assert_eq!(pair.staged.count(Op::Acquire), 1);
    assert_eq!(pair.staged.count(Op::Fill), 0, "there is no lease to store it under");
}

#[tokio::test(start_paused = true)]
async fn a_lease_under_which_nothing_could_be_stored_is_given_back() {
    let pair = pair();
    pair.staged.refuse(Op::Fill);
    let (call, _) = call(&pair, Duration::from_secs(1));
    assert_eq!(call.await.unwrap(), 1);
    let begun = Instant::now();
    let theirs = pair.theirs.entry::<usize>("k").ttl(TTL);
    assert_eq!(theirs.get_or_set(async || Ok::<_, Infallible>(2)).await.unwrap(), 2);
    assert!(begun.elapsed() < LEASE / 10, "{:?}", begun.elapsed());
}

/// Watching is a convenience: the store works, so nobody loads without it.
#[tokio::test(start_paused = true)]
async fn a_waiter_that_cannot_watch_looks_again_and_again() {
    let pair = pair();
    pair.staged.break_watching();
    let (holder, begun) = call(&pair, TTL / 100);
    begun.notified().await;
    let theirs = pair.theirs.entry::<usize>("k").ttl(TTL);
    let waiter = theirs.get_or_set(async || Ok::<_, Infallible>(0));
    assert_eq!(waiter.await.unwrap(), 1, "what the holder loads");
    assert_eq!((holder.await.unwrap(), pair.loads.count()), (1, 1));
}
