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
use crate::journal::Who;
use crate::load::{End, Load};
use crate::oracle::{Call, Failed, Value};
use crate::plan::{LONGEST_STALL, Plan};
use crate::server::key_name;
use crate::world::World;

/// What becomes of a call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Its caller waits for it.
    Waits,
    /// Its caller drops it, if it takes so long.
    Dropped { after: Duration },
    /// Its caller does something else for a while, and then goes on with it.
    Stalls { after: Duration, lasts: Duration },
    /// Its caller forgets it, but does not drop it.
    Parked { after: Duration },
}

/// A call that nobody polls any more.
pub(crate) type Parked = Pin<Box<dyn Future<Output = bool> + Send>>;

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
        let (load, fate) = (Load::draw(plan, &mut dice), Fate::draw(&mut dice));
        let call = world.begin(who, key, load.end.adverb());
        let (shared, cache) = (Arc::clone(&world), cache.clone());
        let mut get: Parked =
            Box::pin(async move { get(&shared, &cache, call, shared.plan.ttl, load).await });
        match fate {
            Fate::Waits => {
                let started = Instant::now();
                get.await;
                world.took(call, started.elapsed());
            }
            Fate::Dropped { after } => {
                if timeout(after, get).await.is_err() {
                    world.dropped(call);
                }
            }
            Fate::Stalls { after, lasts } => {
                if timeout(after, &mut get).await.is_err() {
                    world.stalls(call, lasts);
                    sleep(lasts).await;
                    get.await;
                }
            }
            Fate::Parked { after } => {
                if timeout(after, &mut get).await.is_err() {
                    world.parked(call);
                    parked.push(get);
                }
            }
        }
    }
    parked
}

/// Gets a key and checks what comes of it; says whether that is a value.
pub(crate) async fn get(
    world: &World,
    cache: &CacheFence,
    call: Call,
    ttl: Duration,
    load: Load,
) -> bool {
    let entry = cache.entry::<Value>(key_name(call.key)).ttl(ttl);
    match caught(entry.get_or_set(|| load.run(world, call))).await {
        Ok(Ok(value)) => {
            world.given(call, value);
            return true;
        }
        Ok(Err(Error::Recompute(error))) => world.failed(call, *error),
        Ok(Err(other)) => world.betrayed(call, format!("failed: {other}")),
        Err(panic) if !panic.is::<Failed>() => resume_unwind(panic),
        Err(_) if load.end == End::Panic => world.missed(call, "panics"),
        Err(_) => world.betrayed(call, "was hit by another call's panic"),
    }
    false
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

impl Fate {
    fn draw(dice: &mut Dice) -> Self {
        const LONGEST_PATIENCE: Duration = Duration::from_millis(900);
        let after = dice.millis(Duration::ZERO..=LONGEST_PATIENCE);
        match dice.number(0..=99) {
            0..70 => Self::Waits,
            70..90 => Self::Dropped { after },
            90..97 => Self::Stalls { after, lasts: dice.millis(Duration::ZERO..=LONGEST_STALL) },
            _ => Self::Parked { after },
        }
    }
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
