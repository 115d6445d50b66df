//! Recomputes.

use std::panic::resume_unwind;
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
    pub(crate) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Value,
    Error,
    Panic,
}

impl Load {
    /// One that is sure to come to a value, and quickly.
    pub(crate) const SHORT: Self =
        Self { before: Duration::ZERO, after: Duration::from_millis(10), end: End::Value };

    pub(crate) fn draw(plan: &Plan, dice: &mut Dice) -> Self {
        let whole = dice.millis(Duration::ZERO..=plan.longest_load);
        let before = dice.millis(Duration::ZERO..=whole);
        let end = match dice.number(0..=99) {
            0..85 => End::Value,
            85..95 => End::Error,
            _ => End::Panic,
        };
        Self { before, after: whole.saturating_sub(before), end }
    }

    pub(crate) async fn run(self, world: &World, call: Call) -> Result<Value, Failed> {
        sleep(self.before).await;
        let value = world.read(call);
        sleep(self.after).await;
        match self.end {
            End::Value => Ok(value),
            End::Error => Err(Failed(value)),
            // Past the hook, which would print it.
            End::Panic => resume_unwind(Box::new(Failed(value))),
        }
    }
}

impl End {
    pub(crate) fn adverb(self) -> &'static str {
        match self {
            Self::Value => "to load",
            Self::Error => "to fail",
            Self::Panic => "to panic",
        }
    }
}
