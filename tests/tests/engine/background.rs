//! `get_or_set_in_background`: whoever holds a value neither waits nor fails.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachefence::{CacheFence, Entry};
use cachefence_tests::{Network, Op, Staged};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_secs(3_600);

/// An early refresh at every read.
const ALWAYS: f64 = 1e300;

struct World {
    staged: Arc<Staged>,
    cache: CacheFence,
    loads: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        let staged = Arc::new(Staged::default());
        let builder = CacheFence::builder().store(Network(Arc::clone(&staged))).beta(0.0);
        Self { staged, cache: builder.build_lazy().unwrap(), loads: Arc::default() }
    }

    fn entry(&self, key: &str) -> Entry<usize> {
        self.cache.entry(key).ttl(TTL)
    }

    /// A recompute that counts, and then takes its time.
    fn load(&self, takes: Duration) -> impl FnOnce() -> Load + use<> {
        let loads = Arc::clone(&self.loads);
        move || {
            Box::pin(async move {
                let number = loads.fetch_add(1, Ordering::SeqCst) + 1;
                sleep(takes).await;
                Ok(number)
            })
        }
    }

    fn fails(&self) -> impl FnOnce() -> Load + use<> {
        let loads = Arc::clone(&self.loads);
        move || {
            Box::pin(async move {
                loads.fetch_add(1, Ordering::SeqCst);
                Err(io::Error::other("the database is down"))
            })
        }
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    async fn until_loads(&self, loads: usize) {
        for _ in 0..100_000 {
            if self.loads() >= loads {
                return;
            }
            yield_now().await;
        }
        panic!("{} loads, not {loads}", self.loads());
    }

    async fn until_stored(&self, value: usize) {
        while self.entry("k").peek().await.unwrap() != Some(value) {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

type Load = std::pin::Pin<Box<dyn Future<Output = Result<usize, io::Error>> + Send>>;

#[tokio::test(start_paused = true)]
async fn an_early_refresh_is_not_waited_for() {
    let world = World::new();
    let takes = Duration::from_secs(1);
    let cold = world.entry("k").get_or_set_in_background(world.load(takes)).await;
    assert_eq!(cold.unwrap(), 1);
    let begun = Instant::now();
    for _ in 0..10 {
        let early = world.entry("k").beta(ALWAYS).get_or_set_in_background(world.load(takes)).await;
        assert_eq!(early.unwrap(), 1);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    world.until_stored(2).await;
    assert_eq!(world.loads(), 2, "one task for all of them");
}

#[tokio::test(start_paused = true)]
async fn a_cold_call_looks_once() {
    let world = World::new();
    world.entry("k").get_or_set_in_background(world.load(Duration::ZERO)).await.unwrap();
    assert_eq!(world.staged.count(Op::Read), 1);
}

#[tokio::test(start_paused = true)]
async fn a_revalidation_is_not_waited_for() {
    let world = World::new();
    let entry = || world.entry("k").stale_while_revalidate(WINDOW);
    entry().get_or_set_in_background(world.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let begun = Instant::now();
    for _ in 0..10 {
        let load = world.load(Duration::from_secs(1));
        assert_eq!(entry().get_or_set_in_background(load).await.unwrap(), 1);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    world.until_stored(2).await;
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_refreshes_that_fail_cost_nobody_anything() {
    let world = World::new();
    let entry = || world.entry("k").stale_while_revalidate(WINDOW * 10_000);
    entry().get_or_set_in_background(world.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    for refresh in 0..10_000 {
        assert_eq!(entry().get_or_set_in_background(world.fails()).await.unwrap(), 1);
        world.until_loads(2 + refresh).await;
        // `retry_after` has passed.
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(world.loads(), 10_001);
}

#[tokio::test(start_paused = true)]
async fn after_an_early_refresh_that_failed_nobody_tries_for_a_while() {
    let world = World::new();
    let early = || world.entry("k").beta(ALWAYS);
    let load = world.load(Duration::from_millis(1));
    assert_eq!(early().get_or_set_in_background(load).await.unwrap(), 1);
    for _ in 0..10 {
        assert_eq!(early().get_or_set_in_background(world.fails()).await.unwrap(), 1);
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.loads(), 2);
    sleep(Duration::from_secs(2)).await; // `retry_after` has passed
    early().get_or_set_in_background(world.fails()).await.unwrap();
    world.until_loads(3).await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_panics_is_made_again() {
    let world = World::new();
    let entry = || world.entry("k").stale_while_revalidate(WINDOW);
    entry().get_or_set_in_background(world.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let panics = || async { panic!("on purpose") };
    let served =
        entry().get_or_set_in_background::<io::Error, _, Load>(move || Box::pin(panics())).await;
    assert_eq!(served.unwrap(), 1);
    while world.staged.count(Op::Release) == 0 {
        yield_now().await;
    }
    let served = entry().get_or_set_in_background(world.load(Duration::ZERO)).await;
    assert_eq!(served.unwrap(), 1);
    world.until_stored(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_rebuild_goes_on_without_its_caller() {
    let world = World::new();
    let limit = Duration::from_millis(100);
    let entry = || world.entry("k").stale_if_error(WINDOW).recompute_timeout(limit);
    entry().get_or_set_in_background(world.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let begun = Instant::now();
    let load = world.load(Duration::from_secs(1));
    assert_eq!(entry().get_or_set_in_background(load).await.unwrap(), 1);
    assert_eq!(begun.elapsed(), limit);
    world.until_stored(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_in_time_is_served() {
    let world = World::new();
    let entry = || world.entry("k").stale_if_error(WINDOW);
    entry().get_or_set_in_background(world.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let served = entry().get_or_set_in_background(world.load(Duration::from_secs(1))).await;
    assert_eq!(served.unwrap(), 2);
    sleep(TTL).await;
    assert_eq!(entry().get_or_set_in_background(world.fails()).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_hundred_and_fifty_six_refreshes_run_at_a_time() {
    let world = World::new();
    let keys: Vec<_> = (0..300).map(|key| key.to_string()).collect();
    for key in &keys {
        // Delta is not zero, so that every value can be refreshed early.
        let load = world.load(Duration::from_millis(1));
        world.entry(key).get_or_set_in_background(load).await.unwrap();
    }
    let (begun, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let refresh = async |key: &str| {
        let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
        let load = move || async move {
            begun.fetch_add(1, Ordering::SeqCst);
            go.acquire().await.unwrap().forget();
            Ok::<_, io::Error>(1)
        };
        let served = world.entry(key).beta(ALWAYS).get_or_set_in_background(load).await;
        assert!(served.unwrap() > 0, "what is there is served, with a task or without");
    };
    for key in &keys {
        refresh(key).await;
    }
    for _ in 0..1_000 {
        yield_now().await;
    }
    assert_eq!(begun.load(Ordering::SeqCst), 256);
    go.add_permits(256);
    while begun.load(Ordering::SeqCst) < 300 {
        for key in &keys {
            refresh(key).await;
        }
        go.add_permits(300);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_one_rebuild_take_one_task() {
    let world = World::new();
    let limit = Duration::from_millis(100);
    let entry = |key| world.entry(key).stale_if_error(WINDOW).recompute_timeout(limit);
    for key in ["k", "other"] {
        entry(key).get_or_set_in_background(world.load(Duration::ZERO)).await.unwrap();
    }
    sleep(TTL).await;
    let call = |key: &'static str| {
        let call = entry(key).get_or_set_in_background(world.load(Duration::from_secs(1)));
        tokio::spawn(async move { call.await.unwrap() })
    };
    let calls: Vec<_> = (0..300).map(|_| call("k")).collect();
    for call in calls {
        call.await.unwrap();
    }
    call("other").await.unwrap();
    assert_eq!(world.loads(), 2 + 2, "there was a task left for the other key");
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_that_hangs_is_waited_for_once() {
    let world = World::new();
    let limit = Duration::from_millis(100);
    let entry = || world.entry("k").stale_if_error(WINDOW).recompute_timeout(limit);
    entry().get_or_set_in_background(world.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let begun = Instant::now();
    for _ in 0..100 {
        let load = world.load(WINDOW);
        assert_eq!(entry().get_or_set_in_background(load).await.unwrap(), 1);
    }
    assert_eq!(begun.elapsed(), limit);
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_that_never_ends_is_given_up() {
    let staged = Arc::new(Staged::default());
    let builder = CacheFence::builder().store(Network(Arc::clone(&staged))).beta(0.0);
    let cache = builder.max_rebuild(Duration::from_secs(10)).build_lazy().unwrap();
    let world = World { staged, cache, loads: Arc::default() };
    let keys: Vec<_> = (0..256).map(|key| key.to_string()).collect();
    for key in &keys {
        let load = world.load(Duration::from_millis(1));
        world.entry(key).get_or_set_in_background(load).await.unwrap();
    }
    for key in &keys {
        let endless = world.load(WINDOW);
        world.entry(key).beta(ALWAYS).get_or_set_in_background(endless).await.unwrap();
    }
    world.until_loads(2 * 256).await;
    sleep(Duration::from_secs(11)).await;
    let load = world.load(Duration::from_millis(1));
    world.entry("0").beta(ALWAYS).get_or_set_in_background(load).await.unwrap();
    world.until_loads(2 * 256 + 1).await;
}
