//! Stale values where several callers are at one entry: who is served one, and who must not be.

use std::sync::Arc;
use std::time::Duration;

use cachefence::Entry;
use cachefence_tests::{Op, Phase, Stop, settle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::stale_windows::{RETRY_AFTER, Stale, TTL, WINDOW, if_error};

/// Ends after `takes`, well or not.
#[derive(Clone, Copy)]
struct Load {
    takes: Duration,
    value: Option<&'static str>,
}

const FAILS: Load = Load { takes: Duration::from_secs(1), value: None };

fn makes(value: &'static str) -> Load {
    Load { value: Some(value), ..FAILS }
}

/// A call in a task of its own; `reached` of what comes with it returns when its load has begun.
fn call(
    world: &Arc<Stale>,
    entry: Entry<String>,
    load: Load,
) -> (JoinHandle<Option<String>>, Arc<Stop>) {
    let (world, begun) = (Arc::clone(world), Stop::new());
    begun.go();
    let begins = Arc::clone(&begun);
    let call = tokio::spawn(async move {
        let load = || async {
            begins.pass().await;
            sleep(load.takes).await;
            match load.value {
                Some(value) => world.ok(value).await,
                None => world.fails().await,
            }
        };
        entry.get_or_set(load).await.ok()
    });
    (call, begun)
}

const OLD: Option<&str> = Some("old");
const NEW: Option<&str> = Some("new");

async fn stale() -> Arc<Stale> {
    Arc::new(Stale::value(if_error).await)
}

#[tokio::test(start_paused = true)]
async fn who_joined_a_load_that_succeeds_is_given_what_it_made() {
    let world = stale().await;
    let (leader, begun) = call(&world, if_error(world.entry()), makes("new"));
    begun.reached().await;
    let (joiner, _) = call(&world, if_error(world.entry()), FAILS);
    for call in [leader, joiner] {
        assert_eq!(call.await.unwrap().as_deref(), NEW);
    }
    assert_eq!(world.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_joined_without_a_look_is_served_the_stale_value_that_is_there() {
    let world = stale().await;
    // The leader has no window, so those who come later do not look before they join.
    let (leader, begun) = call(&world, world.entry(), FAILS);
    begun.reached().await;
    let (forgiving, _) = call(&world, if_error(world.entry()), FAILS);
    sleep(Duration::from_millis(2)).await;
    let past_its_window = world.entry().stale_if_error(Duration::from_millis(1));
    let (late, _) = call(&world, past_its_window, FAILS);
    assert_eq!(leader.await.unwrap(), None);
    assert_eq!(forgiving.await.unwrap().as_deref(), OLD);
    assert_eq!(late.await.unwrap(), None, "its own window is over");
    assert_eq!(world.loads(), 2, "one failing load for all");
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_and_fails_is_served_the_stale_value_that_is_there() {
    let world = stale().await;
    let (leader, begun) = call(&world, world.entry(), makes("never"));
    begun.reached().await;
    let (joiner, _) = call(&world, if_error(world.entry()), FAILS);
    settle().await;
    leader.abort();
    assert_eq!(joiner.await.unwrap().as_deref(), OLD);
    assert_eq!(world.loads(), 2, "it ran its own");
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_for_a_load_that_took_too_long_do_not_try_again() {
    let (limit, patient) = (Duration::from_millis(100), Duration::from_secs(1));
    let world = stale().await;
    let entry = if_error(world.entry()).recompute_timeout(limit);
    let (leader, begun) = call(&world, entry, Load { takes: TTL, value: Some("late") });
    begun.reached().await;
    let started = Instant::now();
    let entry = || if_error(world.entry()).recompute_timeout(patient);
    let joiners = [(); 5].map(|()| call(&world, entry(), makes("new")).0);
    assert_eq!(leader.await.unwrap().as_deref(), OLD);
    for joiner in joiners {
        assert_eq!(joiner.await.unwrap().as_deref(), OLD);
    }
    assert_eq!(started.elapsed(), limit);
    assert_eq!(world.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_mark_is_no_value_for_who_has_no_window() {
    let world = stale().await;
    let (theirs, begun) = call(&world, if_error(world.their_entry()), FAILS);
    begun.reached().await;
    let (ours, _) = call(&world, world.entry(), makes("new"));
    assert_eq!(theirs.await.unwrap().as_deref(), OLD);
    assert_eq!(ours.await.unwrap().as_deref(), NEW, "not what was marked meanwhile");
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_without_a_look_is_served_nothing_that_has_expired() {
    let world = stale().await;
    let endless = Load { takes: Duration::MAX, value: Some("never") };
    let (theirs, begun) = call(&world, world.their_entry(), endless);
    begun.reached().await;
    let (leader, _) = call(&world, world.entry(), makes("never"));
    settle().await; // it waits for the lock
    let (joiner, _) = call(&world, world.entry(), makes("new"));
    settle().await;
    leader.abort();
    settle().await;
    theirs.abort();
    assert_eq!(joiner.await.unwrap().as_deref(), NEW);
    assert_eq!(world.pair.staged.count(Op::Fill), 2);
    assert!(WINDOW > TTL, "what has expired is still there");
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_are_served_what_was_loaded_however_short_its_ttl() {
    let short = Duration::from_millis(1);
    let world = Arc::new(Stale::nothing());
    let (theirs, begun) = call(&world, if_error(world.their_entry()).ttl(short), makes("new"));
    begun.reached().await;
    let ours = [(); 5].map(|()| call(&world, world.entry(), makes("newer")).0);
    settle().await;
    let look = world.pair.staged.stop(Op::Acquire, Phase::Request);
    look.reached().await;
    assert_eq!(theirs.await.unwrap().as_deref(), NEW);
    sleep(short * 2).await;
    look.go();
    for ours in ours {
        assert_eq!(ours.await.unwrap().as_deref(), NEW);
    }
    assert_eq!(world.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_served_a_stale_value_because_of_a_mark_does_not_hand_it_on() {
    let ttl = RETRY_AFTER / 2;
    for past in [Duration::ZERO, Duration::from_millis(1)] {
        let world = Arc::new(Stale::nothing());
        let their_entry = || if_error(world.their_entry()).ttl(ttl);
        let (theirs, begun) = call(&world, their_entry(), makes("old"));
        begun.reached().await;
        let (forgiving, _) = call(&world, if_error(world.entry()), FAILS);
        settle().await; // it waits for the lock
        let (joiner, _) = call(&world, world.entry(), makes("new"));
        settle().await;
        let look = world.pair.staged.stop(Op::Acquire, Phase::Request);
        look.reached().await;
        assert_eq!(theirs.await.unwrap().as_deref(), OLD);
        // An early refresh that fails leaves the mark, and then the ttl ends.
        let at_once = Load { takes: Duration::ZERO, value: None };
        let (refresh, _) = call(&world, their_entry().beta(1e300), at_once);
        assert_eq!(refresh.await.unwrap().as_deref(), OLD);
        sleep(ttl + past).await;
        look.go();
        assert_eq!(forgiving.await.unwrap().as_deref(), OLD, "{past:?} later");
        assert_eq!(joiner.await.unwrap().as_deref(), NEW, "{past:?} later");
    }
}
