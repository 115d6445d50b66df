//! `get_or_set_detached`: loads in tasks of their own. Whoever holds a value neither waits nor fails.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cachefence::{Builder, CacheFence, Entry};
use cachefence_tests::{Loads, Op, Phase, Staged, Stop, cache_on, settle, until};
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_secs(3_600);

/// An early refresh at every read.
const ALWAYS: f64 = 1e300;

/// A cache, and the loads of its entries.
struct Background {
    staged: Arc<Staged>,
    cache: CacheFence,
    loads: Loads,
}

impl Background {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(options: impl FnOnce(Builder) -> Builder) -> Self {
        let staged = Arc::new(Staged::default());
        Self { cache: cache_on(&staged, options), staged, loads: Loads::default() }
    }

    fn entry(&self, key: &str) -> Entry<usize> {
        self.cache.entry(key).ttl(TTL)
    }

    /// A recompute that counts, and then takes its time.
    fn load(&self, takes: Duration) -> impl FnOnce() -> Load + use<> {
        let loads = self.loads.clone();
        move || {
            Box::pin(async move {
                let running = loads.begin();
                sleep(takes).await;
                Ok(running.number)
            })
        }
    }

    fn fails(&self) -> impl FnOnce() -> Load + use<> {
        let loads = self.loads.clone();
        move || {
            Box::pin(async move {
                let _running = loads.begin();
                Err(io::Error::other("the database is down"))
            })
        }
    }

    fn loads(&self) -> usize {
        self.loads.count()
    }

    async fn until_loads(&self, loads: usize) {
        until(&format!("{loads} loads begin"), || self.loads() >= loads).await;
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
    let cached = Background::new();
    let takes = Duration::from_secs(1);
    let cold = cached.entry("k").get_or_set_detached(cached.load(takes)).await;
    assert_eq!(cold.unwrap(), 1);
    let begun = Instant::now();
    for _ in 0..10 {
        let early = cached.entry("k").beta(ALWAYS).get_or_set_detached(cached.load(takes)).await;
        assert_eq!(early.unwrap(), 1);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    cached.until_stored(2).await;
    assert_eq!(cached.loads(), 2, "one task for all of them");
}

#[tokio::test(start_paused = true)]
async fn a_cold_call_looks_once() {
    let cached = Background::new();
    cached.entry("k").get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    assert_eq!(cached.staged.count(Op::Read), 1);
}

#[tokio::test(start_paused = true)]
async fn a_revalidation_is_not_waited_for() {
    let cached = Background::new();
    let entry = || cached.entry("k").stale_while_revalidate(WINDOW);
    entry().get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let begun = Instant::now();
    for _ in 0..10 {
        let load = cached.load(Duration::from_secs(1));
        assert_eq!(entry().get_or_set_detached(load).await.unwrap(), 1);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    cached.until_stored(2).await;
    assert_eq!(cached.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_refreshes_that_fail_cost_nobody_anything() {
    let cached = Background::new();
    let entry = || cached.entry("k").stale_while_revalidate(WINDOW * 10_000);
    entry().get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    for refresh in 0..10_000 {
        assert_eq!(entry().get_or_set_detached(cached.fails()).await.unwrap(), 1);
        cached.until_loads(2 + refresh).await;
        // `retry_after` has passed.
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(cached.loads(), 10_001);
}

#[tokio::test(start_paused = true)]
async fn after_an_early_refresh_that_failed_nobody_tries_for_a_while() {
    let cached = Background::new();
    let early = || cached.entry("k").beta(ALWAYS);
    let load = cached.load(Duration::from_millis(1));
    assert_eq!(early().get_or_set_detached(load).await.unwrap(), 1);
    for _ in 0..10 {
        assert_eq!(early().get_or_set_detached(cached.fails()).await.unwrap(), 1);
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(cached.loads(), 2);
    sleep(Duration::from_secs(2)).await; // `retry_after` has passed
    early().get_or_set_detached(cached.fails()).await.unwrap();
    cached.until_loads(3).await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_panics_is_made_again() {
    let cached = Background::new();
    let entry = || cached.entry("k").stale_while_revalidate(WINDOW);
    entry().get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let panics = || async { panic!("on purpose") };
    let served =
        entry().get_or_set_detached::<io::Error, _, Load>(move || Box::pin(panics())).await;
    assert_eq!(served.unwrap(), 1);
    until("it is told not to be tried again", || cached.staged.count(Op::Postpone) > 0).await;
    sleep(Duration::from_secs(2)).await; // `retry_after` has passed
    let served = entry().get_or_set_detached(cached.load(Duration::ZERO)).await;
    assert_eq!(served.unwrap(), 1);
    cached.until_stored(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_load_goes_on_without_its_caller() {
    let cached = Background::new();
    let limit = Duration::from_millis(100);
    let entry = || cached.entry("k").stale_if_error(WINDOW).recompute_timeout(limit);
    entry().get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let begun = Instant::now();
    let load = cached.load(Duration::from_secs(1));
    assert_eq!(entry().get_or_set_detached(load).await.unwrap(), 1);
    assert_eq!(begun.elapsed(), limit);
    cached.until_stored(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_load_in_time_is_served() {
    let cached = Background::new();
    let entry = || cached.entry("k").stale_if_error(WINDOW);
    entry().get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let served = entry().get_or_set_detached(cached.load(Duration::from_secs(1))).await;
    assert_eq!(served.unwrap(), 2);
    sleep(TTL).await;
    assert_eq!(entry().get_or_set_detached(cached.fails()).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_load_of_another_in_time_is_served() {
    let cached = Background::new();
    let entry = || cached.entry("k").stale_if_error(WINDOW);
    entry().get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let calls = [(); 3]
        .map(|()| tokio::spawn(entry().get_or_set_detached(cached.load(Duration::from_secs(1)))));
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 2);
    }
    assert_eq!(cached.loads(), 2, "one task for all of them");
}

#[tokio::test(start_paused = true)]
async fn sixty_four_refreshes_run_at_a_time() {
    let cached = Background::new();
    let keys: Vec<_> = (0..100).map(|key| key.to_string()).collect();
    for key in &keys {
        // Delta is not zero, so that every value can be refreshed early.
        let load = cached.load(Duration::from_millis(1));
        cached.entry(key).get_or_set_detached(load).await.unwrap();
    }
    let (refreshes, stop) = (Loads::default(), Stop::new());
    let refresh = async |key: &str| {
        let (refreshes, stop) = (refreshes.clone(), Arc::clone(&stop));
        let load = move || async move {
            let _running = refreshes.begin();
            stop.pass().await;
            Ok::<_, io::Error>(1)
        };
        let served = cached.entry(key).beta(ALWAYS).get_or_set_detached(load).await;
        assert!(served.unwrap() > 0, "what is there is served, with a task or without");
    };
    for key in &keys {
        refresh(key).await;
    }
    settle().await;
    assert_eq!(refreshes.count(), 64);
    stop.let_go(64);
    while refreshes.count() < 100 {
        for key in &keys {
            refresh(key).await;
        }
        stop.let_go(100);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_one_load_take_one_task() {
    let cached = Background::new();
    let limit = Duration::from_millis(100);
    let entry = |key| cached.entry(key).stale_if_error(WINDOW).recompute_timeout(limit);
    for key in ["k", "other"] {
        entry(key).get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    }
    sleep(TTL).await;
    let call = |key: &'static str| {
        let call = entry(key).get_or_set_detached(cached.load(Duration::from_secs(1)));
        tokio::spawn(async move { call.await.unwrap() })
    };
    let calls: Vec<_> = (0..300).map(|_| call("k")).collect();
    for call in calls {
        call.await.unwrap();
    }
    call("other").await.unwrap();
    assert_eq!(cached.loads(), 2 + 2, "there was a task left for the other key");
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_waited_for_once() {
    let cached = Background::new();
    let limit = Duration::from_millis(100);
    let entry = || cached.entry("k").stale_if_error(WINDOW).recompute_timeout(limit);
    entry().get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let begun = Instant::now();
    for _ in 0..100 {
        let load = cached.load(WINDOW);
        assert_eq!(entry().get_or_set_detached(load).await.unwrap(), 1);
    }
    assert_eq!(begun.elapsed(), limit);
    assert_eq!(cached.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_never_ends_is_given_up() {
    let cached = Background::with(|builder| builder.load_timeout(Duration::from_secs(10)));
    let keys: Vec<_> = (0..64).map(|key| key.to_string()).collect();
    for key in &keys {
        let load = cached.load(Duration::from_millis(1));
        cached.entry(key).get_or_set_detached(load).await.unwrap();
    }
    for key in &keys {
        let endless = cached.load(WINDOW);
        cached.entry(key).beta(ALWAYS).get_or_set_detached(endless).await.unwrap();
    }
    cached.until_loads(2 * 64).await;
    sleep(Duration::from_secs(11)).await;
    let load = cached.load(Duration::from_millis(1));
    cached.entry("0").beta(ALWAYS).get_or_set_detached(load).await.unwrap();
    cached.until_loads(2 * 64 + 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_on_where_a_leader_has_left() {
    let cached = Background::new();
    let entry = || cached.entry("k").stale_if_error(WINDOW);
    entry().get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let leader = tokio::spawn(entry().get_or_set(cached.load(WINDOW)));
    cached.until_loads(2).await;
    let waiting = tokio::spawn(entry().get_or_set_detached(cached.load(Duration::ZERO)));
    settle().await;
    leader.abort();
    assert_eq!(waiting.await.unwrap().unwrap(), 3, "it is not content with the stale value");
    cached.until_stored(3).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_has_failed_for_all_who_wait() {
    let cached = Background::new();
    let entry = || cached.entry("k").stale_if_error(WINDOW);
    entry().get_or_set_detached(cached.load(Duration::ZERO)).await.unwrap();
    sleep(TTL).await;
    let stop = cached.staged.stop(Op::Acquire, Phase::Reply);
    let panics = || async { panic!("on purpose") };
    let panics = move || -> Load { Box::pin(panics()) };
    let first = tokio::spawn(entry().get_or_set_detached(panics));
    stop.reached().await;
    let second = tokio::spawn(entry().get_or_set_detached(cached.load(Duration::ZERO)));
    settle().await;
    stop.go();
    assert_eq!(first.await.unwrap().unwrap(), 1, "what it holds");
    assert_eq!(second.await.unwrap().unwrap(), 1, "so has this one");
    assert_eq!(cached.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_stored_is_served_by_the_call_whose_task_made_it() {
    #![allow(clippy::option_option)] // it is what JSON cannot hold
    let cached = Background::new();
    let entry = || cached.cache.entry::<Option<Option<u8>>>("k").ttl(TTL).stale_if_error(WINDOW);
    let load = |value| move || async move { Ok::<_, io::Error>(value) };
    entry().get_or_set_detached(load(Some(Some(1)))).await.unwrap();
    sleep(TTL).await;
    let served = entry().get_or_set_detached(load(Some(None))).await;
    assert_eq!(served.unwrap(), Some(None));
}
