//! What a task holds for others does not end with the runtime that drives it no more. `faults::outages` has the probe.

use cachefence_tests::Op;

use super::*;

/// A runtime that is driven only while it is asked for something.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

#[test]
fn a_detached_load_on_a_runtime_that_is_left_is_replaced() {
    let fleet = Fleet::of(1);
    let left = runtime();
    let call = fleet.entry(0).get_or_set_detached(fleet.load(ms(20)));
    let call = left.block_on(async { tokio::time::timeout(ms(10), call).await });
    assert!(call.is_err());
    assert_eq!(fleet.loads(), 1, "it runs there, and is driven no more");
    // Another runtime, whose time goes on alone.
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    other.block_on(async {
        let begun = std::time::Instant::now();
        let entry = fleet.entry(0).wait_for_lock(ms(300));
        assert_eq!(entry.get_or_set_detached(fleet.load(ms(20))).await.unwrap(), 2);
        assert!(begun.elapsed() < WAIT, "{:?}", begun.elapsed());
        assert_eq!(fleet.entry(0).peek().await.unwrap(), Some(2), "and it is stored");
    });
}

#[test]
fn pending_invalidations_on_a_runtime_that_is_left_are_sent_by_another() {
    let fleet = Fleet::of(1);
    let left = runtime();
    left.block_on(async {
        fleet.staged.refuse(Op::Invalidate);
        assert!(!fleet.caches[0].invalidate_eventually("k").await.unwrap());
    });
    fleet.staged.accept(Op::Invalidate);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    other.block_on(async {
        let sent = cachefence_tests::until("the invalidation is sent", || {
            // Readers of the key see to it that somebody sends it.
            let cache = fleet.caches[0].clone();
            tokio::spawn(async move { cache.entry::<usize>("k").peek().await.is_ok() });
            fleet.caches[0].stats().pending_invalidations == 0
        });
        sent.await;
    });
}
