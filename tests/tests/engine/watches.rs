//! Which callers ask to be woken, and how often they ask for the lock before they wait.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachefence::store::{
    Acquire, Acquired, Key, Outcome, Snapshot, Status, StoreResult, Take, Token, Traits, Wake,
};
use cachefence::testing::{key, token};
use cachefence::{CacheFence, Entry, MemoryStore, Store};
use cachefence_tests::settle;
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(3_600);

/// When a store arms the watch of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arms {
    /// Whenever the caller asks.
    AtOnce,
    /// When the caller asks again, and so turns out to wait.
    Again,
    /// Whenever the caller asks, and wakes it as soon as it has been answered, for no reason.
    InVain,
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
    /// The waiter that asked last.
    waiter: Mutex<Option<Wake>>,
}

impl Watched {
    fn new(arms: Arms) -> Arc<Self> {
        let store = MemoryStore::default();
        let (acquires, watches) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { store, arms, acquires, watches, waiter: Mutex::default() })
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

    /// Wakes the waiter that asked last.
    fn wake(&self) {
        self.waiter.lock().unwrap().as_ref().expect("somebody waits").wake();
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
        let asked = self.acquires.fetch_add(1, Ordering::SeqCst);
        assert!(asked < 1_000, "time does not go on while it is asked");
        if let Some(watch) = request.watch {
            self.watches.fetch_add(1, Ordering::SeqCst);
            let arms = match self.arms {
                Arms::AtOnce | Arms::InVain => true,
                Arms::Again => !watch.is_new(),
                Arms::NotNow | Arms::Never => false,
            };
            if arms {
                let wake = watch.arm();
                if self.arms == Arms::InVain {
                    wake.wake();
                }
                *self.waiter.lock().unwrap() = Some(wake);
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

/// The store has the waiter ask again and again, and it does so less and less often.
#[tokio::test(start_paused = true)]
async fn whoever_is_woken_in_vain_is_paced() {
    let watched = Watched::new(Arms::InVain);
    watched.hold().await;
    let waiter = watched.entry();
    let waiter =
        tokio::spawn(async move { waiter.get_or_set(async || Ok::<_, Infallible>(1)).await });
    sleep(Duration::from_millis(4_900)).await;
    let (asked, _) = watched.asked();
    // Twice at once, six times until the pauses have grown to 150 ms or more, and then no more often than that.
    assert!((20..=2 + 6 + 33).contains(&asked), "{asked}");
    assert!(!waiter.is_finished());
}

#[tokio::test(start_paused = true)]
async fn whoever_was_woken_in_vain_is_woken_by_a_value_all_the_same() {
    let watched = Watched::new(Arms::AtOnce);
    watched.hold().await;
    let waiter = watched.entry();
    let waiter =
        tokio::spawn(async move { waiter.get_or_set(async || Ok::<_, Infallible>(1)).await });
    for woken in 1..=10 {
        sleep(Duration::from_millis(200)).await;
        watched.wake();
        settle().await;
        assert_eq!(watched.asked().0, 1 + woken, "at once");
    }
    sleep(Duration::from_millis(200)).await;
    watched.entry().set(&2).await.unwrap();
    let since = Instant::now();
    watched.wake();
    assert_eq!(waiter.await.unwrap().unwrap(), 2);
    assert_eq!(since.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_is_watching_when_it_asks_again_does_so_at_once() {
    assert_eq!(asked_by_a_waiter(Arms::Again).await, (2, 2));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_woken_whoever_waits_asks_once() {
    assert_eq!(asked_by_a_waiter(Arms::Never).await, (1, 0));
    // A store that cannot now may try again by itself.
    assert_eq!(asked_by_a_waiter(Arms::NotNow).await, (1, 1));
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
