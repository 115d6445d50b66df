//! G1: no call that starts after `invalidate` returned Ok is given anything that was read before it.
//!
//! One file, one promise: every way around it that has been thought of, with the messages stopped
//! where they have to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachefence::{CacheFence, Error};
use cachefence_tests::{Op, Pair, Phase, Stop, settle};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

const TTL: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(20);

/// A database of one number, and two workers that cache it.
#[derive(Clone)]
struct Database {
    pair: Pair,
    version: Arc<AtomicU32>,
}

type Answer = Result<u32, Arc<Error<String>>>;

impl Database {
    fn new() -> Self {
        let pair = Pair::new(|builder| builder.lock_timeout(TTL).wait_for_lock(TTL));
        Self { pair, version: Arc::new(AtomicU32::new(1)) }
    }

    /// A call whose load stops when it has read the database.
    fn slow_call(&self, cache: &CacheFence) -> (JoinHandle<Answer>, Arc<Stop>) {
        let (cache, database, stop) = (cache.clone(), self.clone(), Stop::new());
        let has_read = Arc::clone(&stop);
        let call = tokio::spawn(async move {
            let load = || async {
                let _running = database.pair.loads.begin();
                let version = database.version.load(Ordering::SeqCst);
                has_read.pass().await;
                answer(version)
            };
            cache.get_or_set("k", TTL, load).await.map_err(Arc::new)
        });
        (call, stop)
    }

    fn call(&self, cache: &CacheFence) -> JoinHandle<Answer> {
        let (cache, database) = (cache.clone(), self.clone());
        tokio::spawn(async move {
            let load = || async {
                let _running = database.pair.loads.begin();
                answer(database.version.load(Ordering::SeqCst))
            };
            cache.get_or_set("k", TTL, load).await.map_err(Arc::new)
        })
    }

    /// Commits the next version and invalidates.
    async fn change(&self, cache: &CacheFence) {
        self.version.fetch_add(1, Ordering::SeqCst);
        cache.invalidate("k").await.unwrap();
    }
}

/// Version 0 stands for data that is not there: the database says so by an error.
fn answer(version: u32) -> Result<u32, String> {
    if version == 0 { Err("no such row".to_owned()) } else { Ok(version) }
}

async fn end(call: JoinHandle<Answer>) -> Answer {
    timeout(SOON, call).await.expect("nobody is stranded").unwrap()
}

#[tokio::test]
async fn a_load_that_read_before_keeps_its_value_to_its_own_caller() {
    let database = Database::new();
    let (leader, load) = database.slow_call(&database.pair.ours);
    load.reached().await;
    let joiner = database.call(&database.pair.ours);
    settle().await;
    // Invalidated by another worker, so that no flight here knows of it.
    database.change(&database.pair.theirs).await;
    let late = database.call(&database.pair.ours);
    settle().await;
    load.go();
    assert_eq!(end(leader).await.unwrap(), 1, "its own caller called before");
    assert_eq!(end(joiner).await.unwrap(), 2, "what was refused goes to nobody else");
    assert_eq!(end(late).await.unwrap(), 2);
    assert_eq!(
        end(database.call(&database.pair.theirs)).await.unwrap(),
        2,
        "and it was not stored"
    );
}

#[tokio::test]
async fn an_invalidation_here_frees_the_joiners_at_once() {
    let database = Database::new();
    let (leader, load) = database.slow_call(&database.pair.ours);
    load.reached().await;
    let joiner = database.call(&database.pair.ours);
    settle().await;
    database.change(&database.pair.ours).await;
    // The leader is still at it.
    assert_eq!(end(joiner).await.unwrap(), 2);
    load.go();
    assert_eq!(end(leader).await.unwrap(), 1);
    assert_eq!(end(database.call(&database.pair.ours)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_flight_cannot_be_joined_once_its_recompute_has_returned() {
    let database = Database::new();
    let stop = database.pair.staged.stop(Op::Fill, Phase::Reply);
    let leader = database.call(&database.pair.ours);
    stop.reached().await; // stored; the reply is on its way
    database.change(&database.pair.theirs).await;
    let late = database.call(&database.pair.ours);
    settle().await;
    stop.go();
    assert_eq!(end(leader).await.unwrap(), 1);
    assert_eq!(end(late).await.unwrap(), 2);
}

#[tokio::test]
async fn a_read_under_way_is_not_shared_with_those_who_come_later() {
    let database = Database::new();
    end(database.call(&database.pair.ours)).await.unwrap();
    let stop = database.pair.staged.stop(Op::Read, Phase::Reply);
    let early = database.call(&database.pair.ours);
    stop.reached().await; // it has found version 1
    database.change(&database.pair.theirs).await;
    let late = database.call(&database.pair.ours);
    settle().await;
    stop.go();
    assert_eq!(end(early).await.unwrap(), 1);
    assert_eq!(end(late).await.unwrap(), 2);
}

#[tokio::test]
async fn a_waiters_look_is_not_shared_with_those_who_come_later() {
    let database = Database::new();
    let (holder, load) = database.slow_call(&database.pair.theirs);
    load.reached().await;
    let waiter = database.call(&database.pair.ours);
    settle().await; // it has found the lock held, and waits
    let stop = database.pair.staged.stop(Op::Acquire, Phase::Reply);
    load.go();
    assert_eq!(end(holder).await.unwrap(), 1);
    stop.reached().await; // the waiter's next look has found version 1
    database.change(&database.pair.theirs).await;
    let late = database.call(&database.pair.ours);
    settle().await;
    stop.go();
    assert_eq!(end(waiter).await.unwrap(), 1);
    assert_eq!(end(late).await.unwrap(), 2);
}

#[tokio::test]
async fn a_lease_that_is_granted_late_stores_nothing() {
    let database = Database::new();
    let late_acquire = database.pair.staged.delay_beyond_failure(Op::Acquire);
    let (leader, load) = database.slow_call(&database.pair.ours);
    load.reached().await; // without a lease: the store did not answer
    database.change(&database.pair.theirs).await;
    late_acquire.reached().await;
    late_acquire.go(); // only now the lock is set, with the flight's token
    settle().await;
    load.go();
    assert_eq!(end(leader).await.unwrap(), 1);
    let seen = database.pair.theirs.entry::<u32>("k").peek().await.unwrap();
    assert_eq!(seen, None, "version 1 is stored after all");
}

#[tokio::test]
async fn a_set_that_arrives_late_undoes_nothing() {
    let database = Database::new();
    for op in [Op::Seize, Op::Fill] {
        let late_set = database.pair.staged.delay_beyond_failure(op);
        let set = database.pair.ours.entry::<u32>("k").ttl(TTL).set(&1).await;
        assert!(matches!(set, Err(Error::Store(_))));
        database.pair.theirs.invalidate("k").await.unwrap();
        late_set.reached().await;
        late_set.go();
        settle().await;
        assert_eq!(database.pair.theirs.entry::<u32>("k").peek().await.unwrap(), None, "{op:?}");
    }
}

#[tokio::test]
async fn a_set_that_was_lost_with_its_connection_is_sent_once_more() {
    for op in [Op::Seize, Op::Fill] {
        for phase in [Phase::Request, Phase::Reply] {
            let database = Database::new();
            let staged = &database.pair.staged;
            let entry = database.pair.ours.entry::<u32>("k").ttl(TTL);
            staged.break_connection(op, phase);
            entry.set(&1).await.unwrap();
            assert_eq!(entry.peek().await.unwrap(), Some(1), "{op:?}, {phase:?}");
            assert_eq!(staged.count(Op::Seize), 2, "with another token");
            settle().await;
            // No token of the first attempt is left in a slot.
            assert_eq!(end(database.call(&database.pair.theirs)).await.unwrap(), 1);
            database.pair.theirs.invalidate("k").await.unwrap();
            assert_eq!(end(database.call(&database.pair.theirs)).await.unwrap(), 1);

            (0..2).for_each(|_| staged.break_connection(op, phase));
            assert!(matches!(entry.set(&2).await, Err(Error::Store(_))), "{op:?}, {phase:?}");
            assert_eq!(staged.count(Op::Seize), 4, "once more and not twice");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_that_is_sent_once_more_keeps_to_the_budget() {
    const BUDGET: Duration = Duration::from_millis(200);
    let database = Database::new();
    let staged = &database.pair.staged;
    staged.give_up_after(BUDGET);
    let slow = staged.stop(Op::Seize, Phase::Request);
    staged.break_connection(Op::Fill, Phase::Request);
    let entry = database.pair.ours.entry::<u32>("k").ttl(TTL);
    let begun = Instant::now();
    let set = tokio::spawn(async move { entry.set(&1).await });
    slow.reached().await;
    tokio::time::sleep(BUDGET * 3 / 4).await;
    let slower = staged.stop(Op::Seize, Phase::Request);
    slow.go();
    slower.reached().await;
    let error = set.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the connection broke");
    assert_eq!(begun.elapsed().as_millis(), BUDGET.as_millis());
}

#[tokio::test]
async fn an_error_is_data_too() {
    let database = Database::new();
    database.version.store(0, Ordering::SeqCst);
    let (leader, load) = database.slow_call(&database.pair.ours);
    load.reached().await;
    let fellow = database.call(&database.pair.ours);
    settle().await;
    database.change(&database.pair.theirs).await; // the row is there now
    let late = database.call(&database.pair.ours);
    settle().await;
    load.go();
    end(leader).await.unwrap_err();
    assert_eq!(end(fellow).await.unwrap(), 1);
    assert_eq!(end(late).await.unwrap(), 1);
}

#[tokio::test]
async fn an_error_reaches_all_who_wait_while_nothing_changes() {
    let database = Database::new();
    database.version.store(0, Ordering::SeqCst);
    let (leader, load) = database.slow_call(&database.pair.ours);
    load.reached().await;
    let fellows: Vec<_> = (0..10).map(|_| database.call(&database.pair.ours)).collect();
    settle().await;
    load.go();
    end(leader).await.unwrap_err();
    for fellow in fellows {
        end(fellow).await.unwrap_err();
    }
    assert_eq!(database.pair.loads.count(), 1);
}

#[tokio::test]
async fn a_value_that_is_set_wins_over_a_load_under_way() {
    let database = Database::new();
    let (leader, load) = database.slow_call(&database.pair.ours);
    load.reached().await;
    let joiner = database.call(&database.pair.ours);
    settle().await;
    database.pair.theirs.entry::<u32>("k").ttl(TTL).set(&7).await.unwrap();
    load.go();
    assert_eq!(end(leader).await.unwrap(), 1);
    assert_eq!(end(joiner).await.unwrap(), 7);
}

#[tokio::test]
async fn a_value_that_is_set_here_frees_the_joiners_at_once() {
    let database = Database::new();
    let (leader, load) = database.slow_call(&database.pair.ours);
    load.reached().await;
    let joiner = database.call(&database.pair.ours);
    settle().await;
    database.pair.ours.entry::<u32>("k").ttl(TTL).set(&7).await.unwrap();
    // The leader is still at it.
    assert_eq!(end(joiner).await.unwrap(), 7);
    load.go();
    assert_eq!(end(leader).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_freed_sixteen_times_loads_as_a_guest() {
    const FREED: usize = 16;
    let (database, stop) = (Database::new(), Stop::new());
    let call = |_| {
        let (database, stop) = (database.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let load = || async {
                let _running = database.pair.loads.begin();
                stop.pass().await;
                answer(database.version.load(Ordering::SeqCst))
            };
            database.pair.ours.get_or_set("k", TTL, load).await.map_err(Arc::new)
        })
    };
    let calls: Vec<JoinHandle<Answer>> = (0..20).map(call).collect();
    // Each time one of them begins another load, under another lease, and the others join it.
    for loads in 1..=FREED {
        settle().await;
        assert_eq!(database.pair.loads.count(), loads);
        assert_eq!(database.pair.staged.count(Op::Acquire), loads);
        database.change(&database.pair.ours).await;
    }
    settle().await;
    assert_eq!(database.pair.loads.count(), FREED + 1);
    assert_eq!(database.pair.staged.count(Op::Acquire), FREED + 1);
    database.change(&database.pair.ours).await;
    settle().await;
    assert_eq!(database.pair.loads.count(), FREED + 1, "no guest is freed by an invalidation");
    stop.let_go(20);
    for call in calls {
        end(call).await.unwrap();
    }
}

#[tokio::test]
async fn under_constant_invalidation_every_call_ends() {
    let database = Database::new();
    let stopper = Arc::new(Notify::new());
    let invalidator = tokio::spawn({
        let (database, stopper) = (database.clone(), Arc::clone(&stopper));
        async move {
            let forever = async {
                loop {
                    database.change(&database.pair.theirs).await;
                }
            };
            tokio::select! { () = forever => {}, () = stopper.notified() => {} }
        }
    });
    let calls: Vec<_> = (0..20).map(|_| database.call(&database.pair.ours)).collect();
    for call in calls {
        end(call).await.unwrap();
    }
    stopper.notify_one();
    invalidator.await.unwrap();
}
