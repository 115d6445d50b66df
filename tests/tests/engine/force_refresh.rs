//! `force_refresh`: what a forced call returns was read after it began, and the value that was there is served to others
//! until the new one is stored.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachefence::{CacheFence, Entry, Error, force_refresh};
use cachefence_tests::{Op, Pair, Phase, RedisServer, Stop, settle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const TTL: Duration = Duration::from_secs(60);
const WAIT: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_secs(30);

/// A database of one number, and two workers that cache it under `k`.
#[derive(Clone)]
struct Database {
    pair: Pair,
    version: Arc<AtomicU32>,
}

impl Database {
    fn new() -> Self {
        let pair = Pair::new(|builder| builder.wait_for_lock(WAIT));
        Self { pair, version: Arc::new(AtomicU32::new(1)) }
    }

    /// A database whose version 1 is cached, and which has version 2 now.
    async fn changed() -> Self {
        let database = Self::new();
        assert_eq!(database.read(&database.pair.ours).await, 1);
        database.change(2);
        database
    }

    /// Commits, and invalidates nothing.
    fn change(&self, version: u32) {
        self.version.store(version, Ordering::SeqCst);
    }

    fn load(&self) -> impl Future<Output = Result<u32, Infallible>> + Send + 'static {
        let database = self.clone();
        async move {
            let _running = database.pair.loads.begin();
            Ok(database.version.load(Ordering::SeqCst))
        }
    }

    /// A load that stops when it has read the database.
    fn slow_load(
        &self,
        stop: &Arc<Stop>,
    ) -> impl Future<Output = Result<u32, Infallible>> + Send + 'static {
        let (load, stop) = (self.load(), Arc::clone(stop));
        async move {
            let read = load.await;
            stop.pass().await;
            read
        }
    }

    fn read(&self, cache: &CacheFence) -> impl Future<Output = u32> + Send + 'static {
        let call = entry(cache).get_or_set({
            let load = self.load();
            || load
        });
        async move { call.await.unwrap() }
    }

    /// A call whose load stops when it has read the database.
    fn slow_read(&self, cache: &CacheFence) -> (JoinHandle<u32>, Arc<Stop>) {
        let stop = Stop::new();
        let load = self.slow_load(&stop);
        let call = entry(cache).get_or_set(|| load);
        (tokio::spawn(async move { call.await.unwrap() }), stop)
    }

    /// A forced call whose load stops when it has read the database.
    fn slow_refresh(&self, cache: &CacheFence, detached: bool) -> (JoinHandle<u32>, Arc<Stop>) {
        let stop = Stop::new();
        let (load, entry) = (self.slow_load(&stop), entry(cache));
        let call = async move {
            if detached {
                force_refresh(entry.get_or_set_detached(|| load)).await.unwrap()
            } else {
                force_refresh(entry.get_or_set(|| load)).await.unwrap()
            }
        };
        (tokio::spawn(call), stop)
    }

    fn refresh(&self, cache: &CacheFence) -> JoinHandle<u32> {
        tokio::spawn(force_refresh(self.read(cache)))
    }

    async fn stored(&self) -> Option<u32> {
        self.pair.theirs.entry("k").peek().await.unwrap()
    }

    fn loads(&self) -> usize {
        self.pair.loads.count()
    }
}

fn entry(cache: &CacheFence) -> Entry<u32> {
    cache.entry("k").ttl(TTL)
}

async fn reached(stop: &Stop) {
    timeout(SOON, stop.reached()).await.expect("it is never reached");
}

async fn end<T>(call: JoinHandle<T>) -> T {
    timeout(SOON, call).await.expect("nobody is stranded").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_forced_call_loads_although_there_is_a_value() {
    let database = Database::changed().await;
    assert_eq!(database.read(&database.pair.ours).await, 1);
    assert_eq!(force_refresh(database.read(&database.pair.ours)).await, 2);
    assert_eq!((database.stored().await, database.loads()), (Some(2), 2));
}

#[tokio::test(start_paused = true)]
async fn a_forced_call_loads_although_the_store_would_answer_at_once() {
    let cache = CacheFence::in_memory();
    let load = |value| async move { Ok::<_, Infallible>(value) };
    assert_eq!(cache.get_or_set("k", TTL, || load(1)).await.unwrap(), 1);
    assert_eq!(force_refresh(cache.get_or_set("k", TTL, || load(2))).await.unwrap(), 2);
    assert_eq!(cache.get_or_set("k", TTL, || load(3)).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_value_that_is_there_is_served_to_others_until_the_new_one_is_stored() {
    for detached in [false, true] {
        let database = Database::changed().await;
        let (forced, load) = database.slow_refresh(&database.pair.ours, detached);
        reached(&load).await;
        for cache in [&database.pair.ours, &database.pair.theirs] {
            assert_eq!(database.read(cache).await, 1, "detached: {detached}");
        }
        load.go();
        assert_eq!(end(forced).await, 2);
        for cache in [&database.pair.ours, &database.pair.theirs] {
            assert_eq!(database.read(cache).await, 2, "detached: {detached}");
        }
        assert_eq!(database.loads(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_call_here_read_before_is_not_returned() {
    for detached in [false, true] {
        let database = Database::new();
        let (earlier, load) = database.slow_read(&database.pair.ours);
        reached(&load).await;
        database.change(2);
        let (forced, own) = database.slow_refresh(&database.pair.ours, detached);
        own.go();
        settle().await;
        assert_eq!(database.loads(), 1, "one load at a time in a process");
        load.go();
        assert_eq!((end(earlier).await, end(forced).await), (1, 2), "detached: {detached}");
        assert_eq!((database.stored().await, database.loads()), (Some(2), 2));
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_process_read_before_is_neither_waited_for_nor_stored_afterwards() {
    let database = Database::new();
    let (earlier, load) = database.slow_read(&database.pair.theirs);
    reached(&load).await;
    database.change(2);
    let asked = Instant::now();
    assert_eq!(end(database.refresh(&database.pair.ours)).await, 2);
    assert_eq!(asked.elapsed(), Duration::ZERO);
    load.go();
    assert_eq!(end(earlier).await, 1, "its own caller called before");
    assert_eq!(database.stored().await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn forced_calls_that_come_while_one_loads_share_one_more_load() {
    let database = Database::changed().await;
    let (first, load) = database.slow_refresh(&database.pair.ours, false);
    reached(&load).await;
    database.change(3);
    let others: Vec<_> = (0..20).map(|_| database.refresh(&database.pair.ours)).collect();
    settle().await;
    load.go();
    assert_eq!(end(first).await, 2);
    for other in others {
        assert_eq!(end(other).await, 3);
    }
    assert_eq!(database.loads(), 1 + 1 + 1);
}

#[tokio::test(start_paused = true)]
async fn forced_calls_that_come_before_a_load_begins_share_it() {
    let database = Database::changed().await;
    let forced: Vec<_> = (0..20).map(|_| database.refresh(&database.pair.ours)).collect();
    for forced in forced {
        assert_eq!(end(forced).await, 2);
    }
    assert_eq!(database.loads(), 1 + 1);
}

#[tokio::test(start_paused = true)]
async fn calls_that_a_body_makes_are_not_forced_and_those_after_it_are() {
    let database = Database::changed().await;
    let ours = &database.pair.ours;
    let body = || async { Ok::<_, Infallible>(database.read(ours).await) };
    let both = async {
        let outer = ours.get_or_set("outer", TTL, body).await.unwrap();
        (outer, database.read(ours).await)
    };
    assert_eq!(force_refresh(both).await, (1, 2));
}

#[tokio::test(start_paused = true)]
async fn calls_that_a_body_makes_without_the_cache_are_not_forced() {
    let database = Database::changed().await;
    let ours = &database.pair.ours;
    let body = || async { Ok::<_, Infallible>(database.read(ours).await) };
    let outer = CacheFence::disabled();
    assert_eq!(force_refresh(outer.get_or_set("outer", TTL, body)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_may_force_a_call_of_its_own() {
    let database = Database::changed().await;
    let ours = &database.pair.ours;
    let body = || async { Ok::<_, Infallible>(force_refresh(database.read(ours)).await) };
    assert_eq!(ours.get_or_set("outer", TTL, body).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_spawned_inside_is_not_forced() {
    let database = Database::changed().await;
    let read = database.read(&database.pair.ours);
    assert_eq!(force_refresh(async { tokio::spawn(read).await.unwrap() }).await, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_calls_are_not_forced() {
    let database = Database::changed().await;
    let ours = database.pair.ours.clone();
    let panics = || async { panic!("on purpose") };
    let forced = force_refresh(entry(&ours).get_or_set::<Infallible, _, _>(panics));
    assert!(tokio::spawn(forced).await.unwrap_err().is_panic());
    assert_eq!(database.read(&database.pair.ours).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_forced_load_that_fails_returns_its_error_and_leaves_the_value() {
    for detached in [false, true] {
        let database = Database::changed().await;
        let entry = || entry(&database.pair.ours).stale_if_error(TTL).stale_while_revalidate(TTL);
        let fails = || async { Err::<u32, _>("gone") };
        let failed = if detached {
            force_refresh(entry().get_or_set_detached(fails)).await
        } else {
            force_refresh(entry().get_or_set(fails)).await
        };
        assert_eq!(failed.unwrap_err().recompute(), Some(&"gone"), "detached: {detached}");
        assert_eq!(database.stored().await, Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_call_waits_for_its_body_past_the_recompute_timeout() {
    for detached in [false, true] {
        let database = Database::changed().await;
        let entry = entry(&database.pair.ours).recompute_timeout(Duration::from_millis(10));
        let load = database.load();
        let slow = || async {
            sleep(Duration::from_secs(1)).await;
            load.await
        };
        let loaded = if detached {
            force_refresh(entry.get_or_set_detached(slow)).await
        } else {
            force_refresh(entry.get_or_set(slow)).await
        };
        assert_eq!(loaded.unwrap(), 2, "detached: {detached}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_after_a_failure_does_not_hold_a_forced_call_off() {
    let database = Database::changed().await;
    let entry = || entry(&database.pair.ours).stale_if_error(TTL);
    let fails = || async { Err::<u32, _>("gone") };
    force_refresh(entry().get_or_set(fails)).await.unwrap_err();
    let load = database.load();
    assert_eq!(force_refresh(entry().get_or_set(|| load)).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_was_under_way_is_not_that_of_a_forced_call() {
    let database = Database::new();
    let (ours, stop) = (database.pair.ours.clone(), Stop::new());
    for panics in [false, true] {
        let at = Arc::clone(&stop);
        let fails = move || async move {
            at.pass().await;
            assert!(!panics, "on purpose");
            Err::<u32, _>("gone")
        };
        let failing = tokio::spawn(entry(&ours).get_or_set(fails));
        reached(&stop).await;
        let forced = database.refresh(&ours);
        settle().await;
        stop.go();
        assert!(failing.await.is_ok_and(|failed| failed.is_err()) || panics);
        assert_eq!(end(forced).await, 1, "panics: {panics}");
        assert_eq!(database.stored().await, Some(1), "the load that followed is stored");
        ours.invalidate("k").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_whose_storing_a_forced_call_takes_over_is_not_its_own() {
    let database = Database::new();
    let (earlier, load) = database.slow_read(&database.pair.ours);
    reached(&load).await;
    database.change(2);
    let forced = database.refresh(&database.pair.ours);
    settle().await;
    let storing = database.pair.staged.stop(Op::Fill, Phase::Request);
    load.go();
    reached(&storing).await;
    earlier.abort();
    assert!(earlier.await.unwrap_err().is_cancelled());
    assert_eq!(end(forced).await, 2);
    assert_eq!(database.stored().await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_stores_meanwhile_is_not_returned_by_a_forced_call() {
    let database = Database::changed().await;
    let (forced, load) = database.slow_refresh(&database.pair.ours, false);
    reached(&load).await;
    database.pair.theirs.entry("k").ttl(TTL).set(&7).await.unwrap();
    sleep(Duration::from_secs(3)).await; // the lease has been renewed in vain by then
    assert!(!forced.is_finished());
    load.go();
    assert_eq!(end(forced).await, 2);
    assert_eq!(database.stored().await, Some(7), "its lease was gone");
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_voids_a_forced_load() {
    let database = Database::changed().await;
    let (forced, load) = database.slow_refresh(&database.pair.ours, false);
    reached(&load).await;
    database.change(3);
    database.pair.theirs.invalidate("k").await.unwrap();
    load.go();
    assert_eq!(end(forced).await, 2, "its own caller called before");
    assert_eq!(database.stored().await, None);
    assert_eq!(database.read(&database.pair.ours).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_holds_a_forced_call_up_for_wait_for_lock() {
    let database = Database::new();
    let hangs = || async { pending::<Result<u32, Infallible>>().await };
    let hanging = tokio::spawn(entry(&database.pair.ours).get_or_set(hangs));
    settle().await;
    let asked = Instant::now();
    assert_eq!(end(database.refresh(&database.pair.ours)).await, 1);
    assert_eq!(asked.elapsed().as_secs(), WAIT.as_secs());
    assert_eq!(database.stored().await, Some(1));
    hanging.abort();
}

#[tokio::test(start_paused = true)]
async fn without_a_store_a_forced_call_runs_its_body() {
    let database = Database::changed().await;
    database.pair.staged.refuse(Op::Seize);
    assert_eq!(force_refresh(database.read(&database.pair.ours)).await, 2);
    assert_eq!(database.stored().await, Some(1), "nothing could be stored");
    let stats = database.pair.ours.stats();
    assert_eq!((stats.requests.bypassed, stats.bypasses.store_failed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_forced_call_counts_as_one_that_loads_or_joins() {
    let database = Database::changed().await;
    let calls: Vec<_> = (0..5).map(|_| database.refresh(&database.pair.ours)).collect();
    for call in calls {
        end(call).await;
    }
    let stats = database.pair.ours.stats();
    assert_eq!((stats.requests.loaded, stats.requests.joined), (1 + 1, 4));
    assert_eq!((stats.requests.total(), stats.loads.stored), (6, 2));
    assert_eq!((stats.bypasses.total(), stats.troubles.total()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_forced_call_inside_its_own_load_is_refused() {
    let database = Database::new();
    let ours = &database.pair.ours;
    let body = || async {
        let inner = force_refresh(ours.get_or_set("k", TTL, || database.load())).await;
        Ok::<_, Infallible>(u32::from(matches!(inner, Err(Error::Recursive))))
    };
    assert_eq!(ours.get_or_set("k", TTL, body).await.unwrap(), 1);
}

#[tokio::test]
async fn a_forced_load_is_two_round_trips() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    let load = |value| async move { Ok::<_, Infallible>(value) };
    cache.get_or_set("k", TTL, || load(1)).await.unwrap();
    server.reset_stats();
    assert_eq!(force_refresh(cache.get_or_set("k", TTL, || load(2))).await.unwrap(), 2);
    let counts = server.command_stats();
    assert_eq!(counts.get("evalsha"), Some(&2), "{counts:?}");
    assert_eq!(counts.get("get"), None, "{counts:?}");
    assert_eq!(cache.get_or_set("k", TTL, || load(3)).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn forced_calls_whose_loads_take_long_run_three_bodies_at_a_time_at_most() {
    const CALLS: usize = 20;
    let database = Database::changed().await;
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let (load, entry) = (database.load(), entry(&database.pair.ours));
            let loads = database.pair.loads.clone();
            tokio::spawn(force_refresh(entry.get_or_set(move || async move {
                let _running = loads.begin();
                sleep(12 * SECOND).await;
                load.await
            })))
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 2);
    }
    // The first, the one beside it after `wait_for_lock`, and a guest after twice as long; each reads the database in the end.
    assert!(
        database.pair.loads.most_at_a_time() <= 3 + 1,
        "{}",
        database.pair.loads.most_at_a_time()
    );
}

const SECOND: Duration = Duration::from_secs(1);
