//! What becomes of a call.

use std::time::Duration;

use crate::dice::Dice;
use crate::load::{End, Load};
use crate::plan::{LONGEST_STALL, Plan};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// Its caller waits for it.
    Waits,
    /// Its caller has a deadline, and drops it then.
    Dropped { after: Duration },
    /// Its caller does something else for a while, and then goes on with it.
    Stalls { after: Duration, lasts: Duration },
    /// Its caller forgets it, but does not drop it.
    Parked { after: Duration },
}

impl Fate {
    pub(crate) fn draw(plan: &Plan, load: &Load, dice: &mut Dice) -> Self {
        const LONGEST_PATIENCE: Duration = Duration::from_millis(900);
        let longest = dice.pick(&[LONGEST_PATIENCE, LONGEST_PATIENCE, 3 * plan.wait_for_lock]);
        let after = dice.millis(Duration::ZERO..=longest);
        match dice.number(0..=99) {
            _ if plan.only_failures => Self::Waits,
            97..100 => Self::Parked { after },
            // Whoever waits for what never ends has a deadline.
            70..90 => Self::Dropped { after },
            _ if load.end == End::Never => Self::Dropped { after },
            90..97 => Self::Stalls { after, lasts: dice.millis(Duration::ZERO..=LONGEST_STALL) },
            _ => Self::Waits,
        }
    }
}
