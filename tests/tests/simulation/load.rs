//! Recomputes.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::dice::Dice;
use crate::oracle::{Call, Failed, Value};
use crate::plan::Plan;
use crate::world::World;

/// A recompute: it reads the database somewhere in the middle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    before: Duration,
    after: Duration,
    /// How long its value is cached; zero is not at all.
    ttl: Duration,
    pub(crate) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Value,
    Error,
    Panic,
    /// It has read the database, and waits for something that never comes.
    Never,
}

impl Load {
    /// One that is sure to come to a value, and quickly, which is cached for longer than a run takes.
    pub(crate) const SHORT: Self = Self {
        before: Duration::ZERO,
        after: Duration::from_millis(10),
        ttl: Duration::from_secs(600),
        end: End::Value,
    };

    pub(crate) fn draw(plan: &Plan, dice: &mut Dice) -> Self {
        let shortest = if plan.only_failures { plan.longest_load / 2 } else { Duration::ZERO };
        let whole = dice.millis(shortest..=plan.longest_load);
        let before = dice.millis(Duration::ZERO..=whole);
        let (after, ttl) = (whole.saturating_sub(before), plan.ttl);
        let load = Self { before, after, ttl, end: End::Value };
        let failures = if plan.only_failures { 3 } else { 1 };
        match dice.number(0..=99 / failures) {
            0..8 => Self { end: End::Error, ..load },
            8..14 => Self { end: End::Panic, ..load },
            14..22 => Self { ttl: Duration::ZERO, ..load },
            _ if plan.only_failures => load,
            // Longer than anybody waits for others, and then it ends after all.
            22..25 => {
                let longest = 3 * plan.wait_for_lock + plan.longest_load;
                Self { after: dice.millis(plan.wait_for_lock..=longest), ..load }
            }
            25..28 => Self { end: End::Never, ..load },
            _ => load,
        }
    }

    pub(crate) async fn run(self, world: Arc<World>, call: Call) -> Result<Value, Failed> {
        let running = world.runs(call);
        sleep(self.before).await;
        let value = world.read(call, self.ttl);
        sleep(self.after).await;
        if self.end == End::Never {
            pending::<()>().await;
        }
        running.ends();
        match self.end {
            End::Error => Err(Failed { value, by: call.number }),
            // Past the hook, which would print it.
            End::Panic => resume_unwind(Box::new(Failed { value, by: call.number })),
            End::Value | End::Never => Ok(value),
        }
    }

    pub(crate) fn adverb(self) -> &'static str {
        match self.end {
            End::Value if self.ttl.is_zero() => "to load what is not cached",
            End::Value => "to load",
            End::Error => "to fail",
            End::Panic => "to panic",
            End::Never => "to hang",
        }
    }
}
