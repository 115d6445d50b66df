//! The hosts `worker0`, `worker1`, ..: a cache, its callers, and the changes that are made there.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence::testing::with_chance;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::caller::{call_on_and_on, get};
use crate::change::{Change, Telling};
use crate::dice::Dice;
use crate::journal::Who;
use crate::load::Load;
use crate::oracle::{Failed, Value};
use crate::plan::CALM;
use crate::remote::RemoteStore;
use crate::server::key_name;
use crate::world::World;

/// Works through the trouble, and sees afterwards that all is well.
pub(crate) async fn work(world: Arc<World>, worker: usize) -> turmoil::Result {
    let plan = &world.plan;
    let who = world.starts(worker);
    let mut dice = Dice::new(plan.seed, &[1, worker as u64, who.life]);
    let builder = CacheFence::builder()
        .store(RemoteStore::new(plan.transport))
        .beta(plan.beta)
        .lock_timeout(plan.lock_timeout)
        .wait_for_lock(plan.wait_for_lock)
        .load_timeout(plan.load_timeout);
    let cache = with_chance(builder, dice.fork()).build_lazy()?;

    let now = turmoil::sim_elapsed().unwrap_or_default();
    let until = Instant::now() + plan.chaos.saturating_sub(now);
    let mut callers = JoinSet::new();
    for _ in 0..plan.callers {
        let dice = dice.fork();
        callers.spawn_local(call_on_and_on(Arc::clone(&world), cache.clone(), who, dice, until));
    }
    change_now_and_then(&world, &cache, who, dice, until).await;
    let mut parked = Vec::new();
    while let Some(ended) = callers.join_next().await {
        parked.push(ended?);
    }

    sleep_until(until + CALM).await;
    for key in 0..plan.keys {
        call_until_served(&world, &cache, who, key).await;
    }
    drop(parked);
    for key in 0..plan.keys {
        call_until_cached(&world, &cache, who, key).await;
    }
    world.finishes();
    // Whatever the cache still does on its own goes on.
    pending().await
}

/// Changes the database and tells the cache, until the trouble is over.
async fn change_now_and_then(
    world: &Arc<World>,
    cache: &CacheFence,
    who: Who,
    mut dice: Dice,
    until: Instant,
) {
    const LONGEST_PATIENCE: Duration = Duration::from_millis(150);
    let plan = &world.plan;
    while Instant::now() < until && !plan.only_failures {
        sleep(dice.millis(Duration::ZERO..=plan.change)).await;
        let key = dice.index(plan.keys);
        let set = plan.sets && dice.percent(30);
        let by = if set { Telling::Set } else { Telling::Invalidate };
        let Some(change) = Change::commit(world, who, key, by) else { continue };
        let entry = cache.entry::<Value>(key_name(key)).ttl(plan.ttl);
        let tell = async {
            match by {
                Telling::Invalidate => entry.invalidate().await,
                Telling::Set => entry.set(&change.value).await,
            }
        };
        let told = if dice.percent(10) {
            timeout(dice.millis(Duration::ZERO..=LONGEST_PATIENCE), tell).await
        } else {
            Ok(tell.await)
        };
        if let Ok(Ok(())) = told {
            change.accepted();
        }
    }
}

/// After the trouble a call is served, whatever other callers have left behind. Loads that outlive their callers
/// may still fail, and each of them once, for all who wait for it.
async fn call_until_served(world: &Arc<World>, cache: &CacheFence, who: Who, key: usize) {
    let first = world.state().stats.calls;
    let mut failed = HashSet::new();
    while let Some(Failed { by, .. }) = call_once(world, cache, who, key).await {
        if by > first || !failed.insert(by) {
            world.state().violation(Some(key), format!("{who} is given the failure of #{by}"));
            return;
        }
    }
}

async fn call_once(world: &Arc<World>, cache: &CacheFence, who: Who, key: usize) -> Option<Failed> {
    let call = world.begin(who, key, "after the trouble");
    let detached = call.number.is_multiple_of(2) && world.plan.detached > 0;
    let failed = get(world, cache, call, Load::SHORT, detached).await;
    world.took(call, Duration::ZERO);
    failed
}

/// Before long a call is served without a recompute.
async fn call_until_cached(world: &Arc<World>, cache: &CacheFence, who: Who, key: usize) {
    /// Connections that broke are found out one by one.
    const MOST_CALLS: u32 = 30;
    for _ in 0..MOST_CALLS {
        let loads = world.state().stats.loads;
        call_until_served(world, cache, who, key).await;
        if world.state().stats.loads == loads {
            return;
        }
    }
    world.state().violation(Some(key), format!("{who} is not served from the store any more"));
}
