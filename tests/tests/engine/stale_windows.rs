//! What is served after the ttl: while a value is loaded, and when that fails (RFC 5861).

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cachefence::{CacheFence, Entry, Error};
use cachefence_tests::{Op, Pair, Stop, settle};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

pub(super) const TTL: Duration = Duration::from_secs(60);
pub(super) const WINDOW: Duration = Duration::from_secs(600);
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Two processes, and what is stale in their store.
pub(super) struct Stale {
    pub(super) pair: Pair,
}

impl Stale {
    /// Nothing is there yet.
    pub(super) fn nothing() -> Self {
        Self { pair: Pair::new(|builder| builder.retry_after(RETRY_AFTER)) }
    }

    /// Has a value that is past its ttl.
    pub(super) async fn value(window: impl Fn(Entry<String>) -> Entry<String>) -> Self {
        let world = Self::nothing();
        window(world.entry()).get_or_set(|| world.ok("old")).await.unwrap();
        sleep(TTL).await;
        world
    }

    pub(super) fn entry(&self) -> Entry<String> {
        self.pair.ours.entry("k").ttl(TTL)
    }

    /// The entry as the other process sees it.
    pub(super) fn their_entry(&self) -> Entry<String> {
        self.pair.theirs.entry("k").ttl(TTL)
    }

    pub(super) fn loads(&self) -> usize {
        self.pair.loads.count()
    }

    pub(super) fn ok(&self, value: &str) -> Ready<Result<String, io::Error>> {
        drop(self.pair.loads.begin());
        ready(Ok(value.to_owned()))
    }

    pub(super) fn fails(&self) -> Ready<Result<String, io::Error>> {
        drop(self.pair.loads.begin());
        ready(Err(io::Error::other("the database is down")))
    }
}

pub(super) fn if_error(entry: Entry<String>) -> Entry<String> {
    entry.stale_if_error(WINDOW)
}

fn revalidate(entry: Entry<String>) -> Entry<String> {
    entry.stale_while_revalidate(WINDOW)
}

#[tokio::test(start_paused = true)]
async fn without_a_window_an_error_is_an_error() {
    let world = Stale::value(if_error).await;
    let result = world.entry().get_or_set(|| world.fails()).await;
    assert!(matches!(result, Err(Error::Recompute(_))), "{result:?}");
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_an_error_the_stale_value_is_served_and_nobody_tries_for_a_while() {
    let world = Stale::value(if_error).await;
    for cache in [&world.pair.ours, &world.pair.theirs] {
        for _ in 0..10 {
            let entry = if_error(cache.entry("k").ttl(TTL));
            assert_eq!(entry.get_or_set(|| world.fails()).await.unwrap(), "old");
        }
    }
    assert_eq!(world.loads(), 2, "one try in the whole fleet");
    sleep(RETRY_AFTER + Duration::from_millis(1)).await;
    assert_eq!(if_error(world.entry()).get_or_set(|| world.ok("new")).await.unwrap(), "new");
    assert_eq!(if_error(world.entry()).get_or_set(|| world.fails()).await.unwrap(), "new");
    assert_eq!(world.loads(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_window_ends_whatever_was_served_in_between() {
    let world = Stale::value(if_error).await;
    let begun = Instant::now();
    while begun.elapsed() < WINDOW {
        assert_eq!(if_error(world.entry()).get_or_set(|| world.fails()).await.unwrap(), "old");
        sleep(RETRY_AFTER * 10).await;
    }
    assert!(if_error(world.entry()).get_or_set(|| world.fails()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nobody_who_waited_for_a_failing_load_fails() {
    let world = Arc::new(Stale::value(if_error).await);
    let stop = Stop::new();
    let mut callers = JoinSet::new();
    for caller in 0..20 {
        let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
        // Some of them have no window: they get the error.
        let entry = if caller % 4 == 3 { world.entry() } else { if_error(world.entry()) };
        callers.spawn(async move {
            let load = || async {
                stop.pass().await;
                world.fails().await
            };
            (caller, entry.get_or_set(load).await.ok())
        });
    }
    stop.reached().await;
    settle().await;
    stop.go();
    while let Some(ended) = callers.join_next().await {
        let (caller, value) = ended.unwrap();
        let expected = (caller % 4 != 3).then(|| "old".to_owned());
        assert_eq!(value, expected, "caller {caller}");
    }
    assert_eq!(world.loads(), 2, "one failing load for all");
}

#[tokio::test(start_paused = true)]
async fn while_one_revalidates_the_others_are_served() {
    let world = Stale::value(revalidate).await;
    let stop = Stop::new();
    let leader = revalidate(world.entry()).get_or_set(|| async {
        stop.pass().await;
        world.ok("new").await
    });
    let others = async {
        stop.reached().await;
        for cache in [&world.pair.ours, &world.pair.theirs] {
            for _ in 0..10 {
                let entry = revalidate(cache.entry("k").ttl(TTL));
                assert_eq!(entry.get_or_set(|| world.fails()).await.unwrap(), "old");
            }
        }
        stop.go();
    };
    let (led, ()) = tokio::join!(leader, others);
    assert_eq!(led.unwrap(), "new");
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_revalidation_that_fails_costs_nobody_anything() {
    let world = Stale::value(revalidate).await;
    for _ in 0..10 {
        assert_eq!(revalidate(world.entry()).get_or_set(|| world.fails()).await.unwrap(), "old");
    }
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_invalidated_is_not_served_stale() {
    let world = Stale::value(|entry| if_error(revalidate(entry))).await;
    world.entry().invalidate().await.unwrap();
    let entry = if_error(revalidate(world.entry()));
    assert!(entry.get_or_set(|| world.fails()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_during_a_failing_load_leaves_no_stale_value() {
    let world = Stale::value(if_error).await;
    let load = || async {
        world.entry().invalidate().await.unwrap();
        world.fails().await
    };
    // The call itself began before the invalidation, and may be served what it found then.
    assert_eq!(if_error(world.entry()).get_or_set(load).await.unwrap(), "old");
    assert!(if_error(world.entry()).get_or_set(|| world.fails()).await.is_err());
    assert_eq!(world.loads(), 3, "nothing was left that would hold off the second");
}

#[tokio::test(start_paused = true)]
async fn a_recompute_that_takes_too_long_is_not_waited_for() {
    let limit = Duration::from_millis(100);
    let world = Stale::value(if_error).await;
    let begun = Instant::now();
    let entry = if_error(world.entry()).recompute_timeout(limit);
    let load = || async {
        sleep(TTL).await;
        world.ok("late").await
    };
    assert_eq!(entry.get_or_set(load).await.unwrap(), "old");
    assert_eq!(begun.elapsed(), limit);
    let entry = if_error(world.entry()).recompute_timeout(limit);
    assert_eq!(entry.get_or_set(|| world.fails()).await.unwrap(), "old");
    assert_eq!(world.loads(), 1, "nobody tries for a while");
}

#[tokio::test(start_paused = true)]
async fn without_a_value_a_recompute_has_all_its_time() {
    let world = Stale::nothing();
    let entry = if_error(world.entry()).recompute_timeout(Duration::from_millis(100));
    let load = || async {
        sleep(TTL).await;
        world.ok("late").await
    };
    assert_eq!(entry.get_or_set(load).await.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_slow_load_is_not_waited_for_either() {
    let limit = Duration::from_millis(100);
    let world = Stale::value(if_error).await;
    let begun = Stop::new();
    begun.go();
    let loading = if_error(world.their_entry()).get_or_set(|| async {
        begun.pass().await;
        sleep(TTL / 2).await;
        world.ok("new").await
    });
    let others = async {
        begun.reached().await;
        let started = Instant::now();
        for entry in [world.entry(), world.their_entry()] {
            let entry = if_error(entry).recompute_timeout(limit);
            assert_eq!(entry.get_or_set(|| world.fails()).await.unwrap(), "old");
        }
        assert_eq!(started.elapsed(), limit, "and once for both: the load is the same");
    };
    let (loaded, ()) = tokio::join!(loading, others);
    assert_eq!(loaded.unwrap(), "new");
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_one_message_more() {
    let world = Stale::value(if_error).await;
    if_error(world.entry()).get_or_set(|| world.fails()).await.unwrap();
    sleep(RETRY_AFTER).await; // nothing is sent afterwards either
    assert_eq!(world.pair.staged.count(Op::Postpone), 1);
    assert_eq!(world.pair.staged.count(Op::Release), 0);
}

/// A store that answers at once has a short way for hits, which is for fresh values only.
#[tokio::test(start_paused = true)]
async fn in_memory_too_a_stale_value_is_loaded_anew() {
    let cache = CacheFence::in_memory();
    let ask = |value: u32| {
        let entry = cache.entry("k").ttl(TTL).stale_while_revalidate(WINDOW);
        entry.get_or_set(move || ready(Ok::<_, io::Error>(value)))
    };
    assert_eq!(ask(1).await.unwrap(), 1);
    sleep(TTL).await;
    ask(2).await.unwrap();
    assert_eq!(ask(3).await.unwrap(), 2);
}
