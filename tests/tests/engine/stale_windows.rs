//! What is served after the ttl: while a value is rebuilt, and when that fails (RFC 5861).

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachefence::{CacheFence, Entry, Error};
use cachefence_tests::{Network, Op, Staged};
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep};

pub(super) const TTL: Duration = Duration::from_secs(60);
pub(super) const WINDOW: Duration = Duration::from_secs(600);
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Two processes with one store, and what they load.
pub(super) struct World {
    pub(super) staged: Arc<Staged>,
    pub(super) caches: [CacheFence; 2],
    loads: AtomicUsize,
}

impl World {
    pub(super) fn new() -> Self {
        let staged = Arc::new(Staged::default());
        let build = || {
            let builder = CacheFence::builder().store(Network(Arc::clone(&staged))).beta(0.0);
            builder.retry_after(RETRY_AFTER).build_lazy().unwrap()
        };
        Self { caches: [build(), build()], staged, loads: AtomicUsize::new(0) }
    }

    pub(super) fn entry(&self) -> Entry<String> {
        self.caches[0].entry("k").ttl(TTL)
    }

    pub(super) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    pub(super) fn ok(&self, value: &str) -> Ready<Result<String, io::Error>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        ready(Ok(value.to_owned()))
    }

    pub(super) fn fails(&self) -> Ready<Result<String, io::Error>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        ready(Err(io::Error::other("the database is down")))
    }

    /// Has a value that is past its ttl.
    pub(super) async fn with_stale(window: impl Fn(Entry<String>) -> Entry<String>) -> Self {
        let world = Self::new();
        window(world.entry()).get_or_set(|| world.ok("old")).await.unwrap();
        sleep(TTL).await;
        world
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
    let world = World::with_stale(if_error).await;
    let result = world.entry().get_or_set(|| world.fails()).await;
    assert!(matches!(result, Err(Error::Recompute(_))), "{result:?}");
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_an_error_the_stale_value_is_served_and_nobody_tries_for_a_while() {
    let world = World::with_stale(if_error).await;
    for cache in &world.caches {
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
    let world = World::with_stale(if_error).await;
    let begun = Instant::now();
    while begun.elapsed() < WINDOW {
        assert_eq!(if_error(world.entry()).get_or_set(|| world.fails()).await.unwrap(), "old");
        sleep(RETRY_AFTER * 10).await;
    }
    assert!(if_error(world.entry()).get_or_set(|| world.fails()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nobody_who_waited_for_a_failing_rebuild_fails() {
    let world = Arc::new(World::with_stale(if_error).await);
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut callers = JoinSet::new();
    for caller in 0..20 {
        let (world, begun, go) = (Arc::clone(&world), Arc::clone(&begun), Arc::clone(&go));
        // Some of them have no window: they get the error.
        let entry = if caller % 4 == 3 { world.entry() } else { if_error(world.entry()) };
        callers.spawn(async move {
            let load = || async {
                begun.notify_one();
                go.notified().await;
                world.fails().await
            };
            (caller, entry.get_or_set(load).await.ok())
        });
    }
    begun.notified().await;
    for _ in 0..100 {
        yield_now().await;
    }
    go.notify_one();
    while let Some(ended) = callers.join_next().await {
        let (caller, value) = ended.unwrap();
        let expected = (caller % 4 != 3).then(|| "old".to_owned());
        assert_eq!(value, expected, "caller {caller}");
    }
    assert_eq!(world.loads(), 2, "one failing load for all");
}

#[tokio::test(start_paused = true)]
async fn while_one_revalidates_the_others_are_served() {
    let world = World::with_stale(revalidate).await;
    let (begun, go) = (Notify::new(), Notify::new());
    let leader = revalidate(world.entry()).get_or_set(|| async {
        begun.notify_one();
        go.notified().await;
        world.ok("new").await
    });
    let others = async {
        begun.notified().await;
        for cache in &world.caches {
            for _ in 0..10 {
                let entry = revalidate(cache.entry("k").ttl(TTL));
                assert_eq!(entry.get_or_set(|| world.fails()).await.unwrap(), "old");
            }
        }
        go.notify_one();
    };
    let (led, ()) = tokio::join!(leader, others);
    assert_eq!(led.unwrap(), "new");
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_revalidation_that_fails_costs_nobody_anything() {
    let world = World::with_stale(revalidate).await;
    for _ in 0..10 {
        assert_eq!(revalidate(world.entry()).get_or_set(|| world.fails()).await.unwrap(), "old");
    }
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_invalidated_is_not_served_stale() {
    let world = World::with_stale(|entry| if_error(revalidate(entry))).await;
    world.entry().invalidate().await.unwrap();
    let entry = if_error(revalidate(world.entry()));
    assert!(entry.get_or_set(|| world.fails()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_during_a_failing_rebuild_leaves_no_stale_value() {
    let world = World::with_stale(if_error).await;
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
    let world = World::with_stale(if_error).await;
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
    let world = World::new();
    let entry = if_error(world.entry()).recompute_timeout(Duration::from_millis(100));
    let load = || async {
        sleep(TTL).await;
        world.ok("late").await
    };
    assert_eq!(entry.get_or_set(load).await.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_slow_rebuild_is_not_waited_for_either() {
    let limit = Duration::from_millis(100);
    let world = World::with_stale(if_error).await;
    let slow = if_error(world.caches[1].entry("k").ttl(TTL));
    let begun = Notify::new();
    let rebuilding = slow.get_or_set(|| async {
        begun.notify_one();
        sleep(TTL / 2).await;
        world.ok("new").await
    });
    let others = async {
        begun.notified().await;
        let started = Instant::now();
        let entries = [0, 1].map(|cache| if_error(world.caches[cache].entry("k").ttl(TTL)));
        for entry in entries {
            let entry = entry.recompute_timeout(limit);
            assert_eq!(entry.get_or_set(|| world.fails()).await.unwrap(), "old");
        }
        assert_eq!(started.elapsed(), limit * 2);
    };
    let (rebuilt, ()) = tokio::join!(rebuilding, others);
    assert_eq!(rebuilt.unwrap(), "new");
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_one_message_more() {
    let world = World::with_stale(if_error).await;
    if_error(world.entry()).get_or_set(|| world.fails()).await.unwrap();
    sleep(RETRY_AFTER).await; // nothing is sent afterwards either
    assert_eq!(world.staged.count(Op::Postpone), 1);
    assert_eq!(world.staged.count(Op::Release), 0);
}
