//! Which callers ask to be woken, and how often they ask for the lock before they wait.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachefence::store::{
    Acquire, Acquired, Key, Outcome, Snapshot, Status, StoreResult, Take, Token, Traits,
};
use cachefence::testing::{key, token};
use cachefence::{CacheFence, Entry, MemoryStore, Store};
use cachefence_tests::settle;

const TTL: Duration = Duration::from_secs(3_600);

/// When a store arms the watch of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arms {
    /// Whenever the caller asks.
    AtOnce,
    /// When the caller asks again, and so turns out to wait.
    Again,
    /// Now it cannot.
    NotNow,
    /// Such a store says so.
    Never,
}

/// A memory store whose lock somebody else holds, and which counts what it is asked.
struct Watched {
    store: MemoryStore,
    arms: Arms,
    acquires: AtomicUsize,
    watches: AtomicUsize,
}

impl Watched {
    fn new(arms: Arms) -> Arc<Self> {
        let store = MemoryStore::default();
        Arc::new(Self { store, arms, acquires: AtomicUsize::new(0), watches: AtomicUsize::new(0) })
    }

    /// An entry of a cache on this store.
    fn entry(self: &Arc<Self>) -> Entry<u32> {
        let cache = CacheFence::builder().store(Arc::clone(self)).build_lazy().unwrap();
        cache.entry("k").ttl(TTL)
    }

    /// Has somebody else hold the lock.
    async fn hold(&self) {
        let request = Acquire::new(token(), TTL).take(Take::Force);
        self.store.acquire(&key("k"), &request).await.unwrap();
    }

    /// How often the lock was asked for, and how often with a watch.
    fn asked(&self) -> (usize, usize) {
        (self.acquires.load(Ordering::SeqCst), self.watches.load(Ordering::SeqCst))
    }
}

impl Store for Watched {
    fn traits(&self) -> Traits {
        let mut traits = Traits::default();
        traits.wakes = self.arms != Arms::Never;
        traits
    }

    fn status(&self) -> Status {
        let mut status = Status::default();
        status.pushes = self.arms != Arms::NotNow;
        status
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        self.store.read(key)
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        self.acquires.fetch_add(1, Ordering::SeqCst);
        if let Some(watch) = request.watch {
            self.watches.fetch_add(1, Ordering::SeqCst);
            if self.arms == Arms::AtOnce || self.arms == Arms::Again && !watch.is_new() {
                watch.arm();
            }
        }
        self.store.acquire(key, request)
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        self.store.renew(key, token, lease)
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool> {
        self.store.finish(key, tokens, outcome)
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        self.store.invalidate(keys)
    }
}

/// What a caller that finds the lock held asks before it waits.
async fn asked_by_a_waiter(arms: Arms) -> (usize, usize) {
    let watched = Watched::new(arms);
    watched.hold().await;
    let waiter = watched.entry();
    let load = async || Ok::<_, Infallible>(1);
    let waiter = tokio::spawn(async move { waiter.get_or_set(load).await });
    settle().await;
    assert!(!waiter.is_finished());
    watched.asked()
}

#[tokio::test(start_paused = true)]
async fn who_is_watching_at_once_asks_once() {
    assert_eq!(asked_by_a_waiter(Arms::AtOnce).await, (1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_is_watching_when_it_asks_again_does_so_at_once() {
    assert_eq!(asked_by_a_waiter(Arms::Again).await, (2, 2));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_woken_who_waits_asks_once_and_not_to_be_woken() {
    for arms in [Arms::NotNow, Arms::Never] {
        assert_eq!(asked_by_a_waiter(arms).await, (1, 0), "{arms:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_a_value_to_serve_does_not_ask_to_be_woken() {
    let watched = Watched::new(Arms::AtOnce);
    let entry = watched.entry().stale_while_revalidate(TTL);
    entry.set(&1).await.unwrap();
    tokio::time::sleep(TTL).await;
    watched.hold().await;
    let (asked, _) = watched.asked();
    assert_eq!(entry.get_or_set(async || Ok::<_, Infallible>(2)).await.unwrap(), 1);
    assert_eq!(watched.asked(), (asked + 1, 0));
}
