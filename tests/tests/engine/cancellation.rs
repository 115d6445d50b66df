//! G4: a caller dropped at any await, in any role, or a panicking recompute, leaks no lock and
//! strands nobody.
//!
//! Every test drops one caller after its first poll, its second, and so on until it gets to its end
//! undropped. Leases are a minute long, so what frees the key is never that one ran out.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use cachefence::store::{
    Acquire, Acquired, Key, Outcome, Snapshot, StoreFuture, StoreResult, Token,
};
use cachefence::{CacheFence, MemoryStore, Store, testing};
use cachefence_tests::{Op, Phase, RedisServer, Staged, assert_no_locks, cache_on};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

const TTL: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(60);

/// Far less than a lease, far more than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// A memory store whose every operation takes a while, before and after it takes effect.
struct Distant(MemoryStore);

fn from_afar<'a, T: Send + Unpin + 'a>(
    operation: impl FnOnce() -> StoreResult<'a, T> + Send + 'a,
) -> StoreResult<'a, T> {
    StoreFuture::new(async move {
        yield_now().await;
        let result = operation().await;
        yield_now().await;
        result
    })
}

impl Store for Distant {
    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        from_afar(|| self.0.read(key))
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        from_afar(|| self.0.acquire(key, request))
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        from_afar(move || self.0.renew(key, token, lease))
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool> {
        from_afar(|| self.0.finish(key, tokens, outcome))
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        from_afar(|| self.0.invalidate(keys))
    }
}

/// Two caches on one store: two workers, as far as the store can tell.
struct Fixture {
    ours: CacheFence,
    theirs: CacheFence,
    loads: Arc<AtomicUsize>,
    server: Option<RedisServer>,
}

async fn memory() -> Fixture {
    let shared = Arc::new(Distant(MemoryStore::default()));
    let build = || {
        let builder = CacheFence::builder().store(Arc::clone(&shared));
        builder.lock_timeout(LEASE).wait_for_lock(LEASE).build_lazy().unwrap()
    };
    Fixture { ours: build(), theirs: build(), loads: Arc::default(), server: None }
}

async fn redis() -> Fixture {
    let server = RedisServer::start();
    let build = || {
        let builder = server.cache_builder();
        builder.lock_timeout(LEASE).wait_for_lock(LEASE).build()
    };
    let (ours, theirs) = (build().await.unwrap(), build().await.unwrap());
    Fixture { ours, theirs, loads: Arc::default(), server: Some(server) }
}

impl Fixture {
    /// A call whose recompute takes a few polls.
    fn call(&self, cache: &CacheFence, key: &str) -> impl Future<Output = String> + 'static {
        let entry = cache.entry(key).ttl(TTL);
        let loads = Arc::clone(&self.loads);
        async move {
            let load = || async {
                for _ in 0..3 {
                    yield_now().await;
                }
                loads.fetch_add(1, Ordering::SeqCst);
                Ok::<_, std::io::Error>("value".to_owned())
            };
            entry.get_or_set(load).await.unwrap()
        }
    }

    /// Sees that the key is free for anybody, and its lock gone.
    async fn check(&self, key: &str, polls: usize) {
        let value = timeout(SOON, self.call(&self.theirs, key)).await;
        assert_eq!(value.expect("the key is free"), "value", "dropped after {polls} polls");
        let (key, token) = (testing::key(key), testing::token());
        let store = testing::store(&self.theirs);
        let seen = store.read(&key).await.unwrap().map(|found| found.revision);
        let free = async {
            loop {
                let acquired =
                    store.acquire(&key, &Acquire::new(token, LEASE).seen(seen)).await.unwrap();
                if matches!(acquired, Acquired::Lease) {
                    assert!(store.finish(&key, &[token], &Outcome::Release).await.unwrap());
                    return;
                }
                yield_now().await;
            }
        };
        let free = timeout(SOON, free).await;
        free.unwrap_or_else(|_| panic!("a lock is left, dropped after {polls} polls"));
    }

    fn check_server(&self) {
        if let Some(server) = &self.server {
            assert_no_locks(server);
        }
    }
}

/// Polls up to `polls` times, each when it is woken; `None` if it has not come to its end by then.
async fn poll_times<F: Future>(mut future: Pin<&mut F>, polls: usize) -> Option<F::Output> {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs `scenario` with 0, 1, 2 .. polls until it says that the call came to its end.
async fn at_every_poll(mut scenario: impl AsyncFnMut(usize) -> bool) {
    for polls in 0.. {
        assert!(polls < 1_000, "a call takes a few polls");
        if scenario(polls).await {
            assert!(polls > 1, "there was something to drop in");
            return;
        }
    }
}

async fn a_dropped_leader_leaves_the_key_free(fixture: Fixture) {
    at_every_poll(async |polls| {
        let key = format!("leader:{polls}");
        let over = {
            let mut call = pin!(fixture.call(&fixture.ours, &key));
            poll_times(call.as_mut(), polls).await.is_some()
        };
        fixture.check(&key, polls).await;
        over
    })
    .await;
    fixture.check_server();
}

async fn a_dropped_leader_hands_over_to_a_joiner(fixture: Fixture) {
    at_every_poll(async |polls| {
        let key = format!("handover:{polls}");
        let mut leader = Box::pin(fixture.call(&fixture.ours, &key));
        let joiners: Vec<_> =
            (0..3).map(|_| tokio::spawn(fixture.call(&fixture.ours, &key))).collect();
        let over = poll_times(leader.as_mut(), polls).await.is_some();
        drop(leader);
        for joiner in joiners {
            let value = timeout(SOON, joiner).await.expect("nobody is stranded").unwrap();
            assert_eq!(value, "value", "dropped after {polls} polls");
        }
        fixture.check(&key, polls).await;
        over
    })
    .await;
    fixture.check_server();
}

async fn a_dropped_joiner_disturbs_nobody(fixture: Fixture) {
    at_every_poll(async |polls| {
        let key = format!("joiner:{polls}");
        let mut leader = Box::pin(fixture.call(&fixture.ours, &key));
        assert!(poll_times(leader.as_mut(), 1).await.is_none(), "it is under way");
        let leader = tokio::spawn(leader);
        let other = tokio::spawn(fixture.call(&fixture.ours, &key));
        let over = {
            let mut joiner = pin!(fixture.call(&fixture.ours, &key));
            poll_times(joiner.as_mut(), polls).await.is_some()
        };
        for caller in [leader, other] {
            let value = timeout(SOON, caller).await.expect("nobody is stranded").unwrap();
            assert_eq!(value, "value", "dropped after {polls} polls");
        }
        fixture.check(&key, polls).await;
        over
    })
    .await;
    fixture.check_server();
}

async fn a_dropped_waiter_disturbs_nobody(fixture: Fixture) {
    at_every_poll(async |polls| {
        let key = format!("waiter:{polls}");
        let holder = tokio::spawn(fixture.call(&fixture.theirs, &key));
        let fellow = tokio::spawn(fixture.call(&fixture.ours, &key));
        let over = {
            let mut waiter = pin!(fixture.call(&fixture.ours, &key));
            poll_times(waiter.as_mut(), polls).await.is_some()
        };
        for caller in [holder, fellow] {
            let value = timeout(SOON, caller).await.expect("nobody is stranded").unwrap();
            assert_eq!(value, "value", "dropped after {polls} polls");
        }
        fixture.check(&key, polls).await;
        over
    })
    .await;
    fixture.check_server();
}

async fn panics() -> Result<String, std::io::Error> {
    yield_now().await;
    panic!("on purpose")
}

async fn a_panic_reaches_its_own_caller_and_nobody_else(fixture: Fixture) {
    let entry = fixture.ours.entry::<String>("panic").ttl(TTL);
    let panics = tokio::spawn(entry.get_or_set(panics));
    yield_now().await; // it has begun
    let others: Vec<_> =
        (0..3).map(|_| tokio::spawn(fixture.call(&fixture.ours, "panic"))).collect();
    assert!(timeout(SOON, panics).await.unwrap().unwrap_err().is_panic());
    for other in others {
        assert_eq!(timeout(SOON, other).await.expect("nobody is stranded").unwrap(), "value");
    }
    // A panic is a failure, for which nobody waits twice: each runs its own body, or is given what another's returned.
    assert!(fixture.loads.load(Ordering::SeqCst) <= 3);
    fixture.check("panic", 0).await;
    fixture.check_server();
}

/// How many tasks this runtime has, but for the one that rings alarms.
fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks() - 1
}

/// The operations that a call may wait for when it is dropped, and what its load returns.
#[tokio::test(start_paused = true)]
async fn a_dropped_caller_of_a_store_without_limits_leaves_no_task_behind() {
    for (op, load) in [(Op::Acquire, Ok(1)), (Op::Fill, Ok(1)), (Op::Release, Err(std::fmt::Error))]
    {
        let staged = Arc::new(Staged::default());
        staged.break_watching(); // such a store wakes
        let cache = cache_on(&staged, |builder| builder.lock_timeout(LEASE));
        let stop = staged.stop(op, Phase::Request);
        let call = tokio::spawn(async move { cache.get_or_set("k", TTL, async || load).await });
        stop.reached().await;
        staged.fall_silent();
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert_eq!(tasks(), 1, "{op:?}: a task puts right what the store may hold");
        sleep(3 * LEASE).await;
        assert_eq!(tasks(), 0, "{op:?}");
    }
}

macro_rules! on_each_store {
    ($($store:ident),* => $tests:tt) => {$( on_each_store!(@ $store $tests); )*};
    (@ $store:ident [$($test:ident),* $(,)?]) => {
        mod $store {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::$store().await).await;
                }
            )*
        }
    };
}

on_each_store!(memory, redis => [
    a_dropped_leader_leaves_the_key_free,
    a_dropped_leader_hands_over_to_a_joiner,
    a_dropped_joiner_disturbs_nobody,
    a_dropped_waiter_disturbs_nobody,
    a_panic_reaches_its_own_caller_and_nobody_else,
]);
