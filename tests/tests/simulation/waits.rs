//! How long a call may take whose caller does not drop it.
//!
//! A call waits, runs its own body if it has not been served by then, and ends what that body came to. The
//! contract says what each of the three may take:
//!
//! - **Until its own body begins**, or until it ends without one, the call waits for loads under way for
//!   2 x `wait_for_lock` at most, whatever hangs. Then its process runs one body at a time in place of all that have
//!   waited so long, its *guests*. So the call may wait for one that began before itself, whose result it may not
//!   have, and for one that began later, whose result it has; what panics gives it nothing, and the call's own body
//!   is next. A guest that is dropped passes on to the next, and so does one that is not polled, after a second.
//!   Where nothing but bodies fails, loads under way are waited for no longer than two of them take.
//! - **Its own body** takes what it takes.
//! - **After its own body** has ended, the call waits for the store only.
//!
//! A call waits for the store for `op_timeout` in all. What it asks while it waits for another process does not count,
//! and the last of these requests may be sent just before the wait is over: that is `op_timeout` once more. A guest
//! has an `op_timeout` of its own to ask for the lease and to store.

use std::sync::Arc;
use std::time::Duration;

use crate::oracle::Call;
use crate::plan::{OP_TIMEOUT, Plan, STUCK_AFTER};
use crate::world::{State, World};

/// All bodies that were run, and all calls that were left alone.
#[derive(Default)]
pub(crate) struct Waits {
    runs: Vec<Run>,
    left_alone: Vec<(Call, Duration)>,
}

/// One run of a body.
#[derive(Clone, Copy)]
struct Run {
    call: Call,
    begun: Duration,
    end: Option<(Duration, Over)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Ended,
    Dropped,
}

/// A body that runs, until it says that it ends or is dropped.
pub(crate) struct Running {
    world: Arc<World>,
    number: usize,
}

/// What a call has taken, and what it may take.
#[derive(Debug, Clone, Copy)]
struct Took {
    waited: Duration,
    longest_wait: Duration,
    ending: Duration,
    longest_ending: Duration,
}

impl World {
    /// Notes that a body begins.
    pub(crate) fn runs(self: &Arc<Self>, call: Call) -> Running {
        let mut state = self.state();
        let run = Run { call, begun: state.now(), end: None };
        let is_guest = run.is_guest(&self.plan);
        state.stats.guests += u64::from(is_guest);
        state.waits.runs.push(run);
        let number = state.waits.runs.len() - 1;
        drop(state);
        Running { world: Arc::clone(self), number }
    }

    /// Notes that the caller of a call does not poll it for a while.
    pub(crate) fn is_left_alone(&self, call: Call) {
        let mut state = self.state();
        let now = state.now();
        state.waits.left_alone.push((call, now));
    }

    /// Checks how long a call took, which its caller did not poll for so long.
    pub(crate) fn took(&self, call: Call, unpolled: Duration) {
        let mut state = self.state();
        let took = state.took(&self.plan, call, unpolled);
        let Took { waited, longest_wait, ending, longest_ending } = took;
        state.stats.took(waited, longest_wait);
        if waited > longest_wait || ending > longest_ending {
            let call = (Some(call.key), call.number);
            state.violation(call.0, format!("#{} takes too long: {took:?}", call.1));
        }
    }
}

impl State {
    fn took(&self, plan: &Plan, call: Call, unpolled: Duration) -> Took {
        let now = self.now();
        let mut runs = self.waits.runs.iter();
        let own = runs.find(|run| run.call.number == call.number);
        let waited = own.map_or(now, |own| own.begun) - call.begun;
        let ending = own.and_then(|own| own.end).map_or(Duration::ZERO, |(end, _)| now - end);
        let slack = slack(plan) + unpolled;
        Took {
            waited,
            longest_wait: self.longest_wait(plan, call, call.begun + waited) + slack,
            ending,
            longest_ending: OP_TIMEOUT + slack,
        }
    }

    /// How long a call may wait whose wait ends at `until`.
    fn longest_wait(&self, plan: &Plan, call: Call, until: Duration) -> Duration {
        let for_store = 2 * OP_TIMEOUT;
        if plan.only_failures {
            return two_loads(plan) + for_store;
        }
        // What happens sooner is no reason to wait longer.
        let since = call.begun + 2 * plan.wait_for_lock;
        let beside = |other: &Call| other.is_beside(&call);
        let guests = self.waits.runs.iter().filter(|run| beside(&run.call) && run.is_guest(plan));
        let [mut earlier, mut later, mut dropped] = [Duration::ZERO; 3];
        for guest in guests {
            let end = guest.end.map_or(until, |(end, _)| end.min(until));
            let time = end.saturating_sub(guest.begun.max(since));
            if time.is_zero() {
                continue;
            }
            let time = time + OP_TIMEOUT;
            match guest.end {
                Some((_, Over::Dropped)) => dropped += time,
                _ if guest.begun < call.begun => earlier = earlier.max(time),
                _ => later = later.max(time),
            }
        }
        let left_alone = self.waits.left_alone.iter();
        let stuck = left_alone.filter(|(other, at)| beside(other) && *at < until).count();
        let stuck = STUCK_AFTER * u32::try_from(stuck).expect("callers are few");
        2 * plan.wait_for_lock + earlier + later + dropped + stuck + for_store
    }
}

/// The longest that two loads take, one after the other, from the request for the first one's lease to what the
/// second one stores. Between them another process has to find out that the first is over.
fn two_loads(plan: &Plan) -> Duration {
    const LONGEST_PAUSE: Duration = Duration::from_millis(200);
    2 * plan.longest_load + LONGEST_PAUSE
}

/// A few timers and messages, each of which is late by a tick; and where a limit is so short that a tick is much of
/// it, the process counts as starved, and the limit is granted once more.
fn slack(plan: &Plan) -> Duration {
    20 * plan.tick
}

impl Run {
    /// Whether the body ran because its call had waited for so long.
    fn is_guest(&self, plan: &Plan) -> bool {
        self.begun >= self.call.begun + 2 * plan.wait_for_lock
    }
}

impl Running {
    /// The body has come to its end.
    pub(crate) fn ends(self) {
        self.is_over(Over::Ended);
    }

    fn is_over(&self, how: Over) {
        let mut state = self.world.state();
        let now = state.now();
        state.waits.runs[self.number].end.get_or_insert((now, how));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_over(Over::Dropped);
    }
}
