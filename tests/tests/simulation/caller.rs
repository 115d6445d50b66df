//! The tasks that call the cache.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cachefence::{CacheFence, Error};
use tokio::time::{Instant, sleep, timeout};

use crate::dice::Dice;
use crate::fate::Fate;
use crate::journal::Who;
use crate::load::Load;
use crate::oracle::{Call, Failed, Value};
use crate::plan::Plan;
use crate::server::key_name;
use crate::world::World;

/// A call that nobody polls any more.
pub(crate) type Parked = Pin<Box<dyn Future<Output = Option<Failed>> + Send>>;

/// Calls now and then, until the trouble is over; returns what is left.
pub(crate) async fn call_on_and_on(
    world: Arc<World>,
    cache: CacheFence,
    who: Who,
    mut dice: Dice,
    until: Instant,
) -> Vec<Parked> {
    let plan = &world.plan;
    let mut parked = Vec::new();
    while Instant::now() < until {
        sleep(rest(plan, &mut dice)).await;
        let key = dice.index(plan.keys);
        if dice.percent(10) {
            peek(&world, &cache, world.begin(who, key, "to peek")).await;
            continue;
        }
        let load = Load::draw(plan, &mut dice);
        let fate = Fate::draw(plan, &load, &mut dice);
        let detached = dice.percent(plan.detached);
        let where_to = if detached { ", detached" } else { "" };
        let call = world.begin(who, key, format!("{}{where_to}", load.adverb()));
        let (shared, cache) = (Arc::clone(&world), cache.clone());
        let mut get: Parked =
            Box::pin(async move { get(&shared, &cache, call, load, detached).await });
        let mut unpolled = Duration::ZERO;
        match fate {
            Fate::Waits => _ = get.await,
            Fate::Dropped { after } => {
                if timeout(after, get).await.is_err() {
                    world.dropped(call);
                    continue;
                }
            }
            Fate::Stalls { after, lasts } => {
                if timeout(after, &mut get).await.is_err() {
                    world.stalls(call, lasts);
                    sleep(lasts).await;
                    unpolled = lasts;
                    get.await;
                }
            }
            Fate::Parked { after } => {
                if timeout(after, &mut get).await.is_err() {
                    world.parked(call);
                    parked.push(get);
                    continue;
                }
            }
        }
        world.took(call, unpolled);
    }
    parked
}

/// Gets a key and checks what comes of it; returns that if it is a failure.
pub(crate) async fn get(
    world: &Arc<World>,
    cache: &CacheFence,
    call: Call,
    load: Load,
    detached: bool,
) -> Option<Failed> {
    let entry = cache.entry::<Value>(key_name(call.key)).ttl_of(|value| value.ttl);
    let shared = Arc::clone(world);
    let body = move || load.run(shared, call);
    let result = if detached {
        world.state().stats.detached += 1;
        caught(entry.get_or_set_detached(body)).await
    } else {
        caught(entry.get_or_set(body)).await
    };
    match result {
        Ok(Ok(value)) => {
            world.given(call, value);
            None
        }
        Ok(Err(Error::Recompute(error))) => {
            world.failed(call, *error);
            Some(*error)
        }
        Ok(Err(other)) => {
            world.betrayed(call, format!("failed: {other}"));
            None
        }
        Err(panic) => match panic.downcast::<Failed>() {
            Ok(failed) => {
                if failed.by == call.number {
                    world.panicked(call);
                } else {
                    world.betrayed(call, format!("was hit by the panic of #{}", failed.by));
                }
                Some(*failed)
            }
            Err(panic) => resume_unwind(panic),
        },
    }
}

async fn peek(world: &World, cache: &CacheFence, call: Call) {
    match cache.entry::<Value>(key_name(call.key)).peek().await {
        Ok(Some(value)) => world.given(call, value),
        Ok(None) => world.missed(call, "finds nothing"),
        Err(_) => world.missed(call, "cannot look"),
    }
}

/// How long to rest before the next call: at random, or until the next beat so that calls meet.
fn rest(plan: &Plan, dice: &mut Dice) -> Duration {
    const BEAT: u32 = 250;
    if dice.percent(30) {
        let now = turmoil::sim_elapsed().unwrap_or_default().subsec_millis();
        return Duration::from_millis((BEAT - now % BEAT).into());
    }
    dice.millis(Duration::ZERO..=plan.rest)
}

/// Polls `future` to its end or its panic.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}
