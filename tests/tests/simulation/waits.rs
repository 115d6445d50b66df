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
//!   Where nothing but bodies fails, the call waits for two loads at most, and after that for one that its process runs
//!   in place of its own body.
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
        let waited = own.map_or(now, |own| own.begun).saturating_sub(call.begun);
        let ended = own.and_then(|own| own.end).map_or(now, |(ended, _)| ended);
        let ending = now.saturating_sub(ended);
        let slack = slack(plan) + unpolled;
        Took {
            waited,
            longest_wait: if plan.only_failures {
                let in_its_place = if own.is_none() { load(plan) } else { Duration::ZERO };
                two_loads(plan) + in_its_place + slack
            } else {
                self.longest_wait(plan, call, call.begun + waited) + slack
            },
            ending,
            longest_ending: OP_TIMEOUT + slack,
        }
    }

    /// How long a call may wait whose wait ends at `until`.
    fn longest_wait(&self, plan: &Plan, call: Call, until: Duration) -> Duration {
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
        2 * plan.wait_for_lock + earlier + later + dropped + stuck + 2 * OP_TIMEOUT
    }
}

/// The longest that a call waits for two loads, one after the other. It may have looked for a value before, and in
/// between another process has to find out that the first load is over.
fn two_loads(plan: &Plan) -> Duration {
    const LONGEST_PAUSE: Duration = Duration::from_millis(200);
    request(plan) + load(plan) + LONGEST_PAUSE + load(plan)
}

/// The longest that a load takes which does not hang, from the request for its lease to the answer to what it stores.
fn load(plan: &Plan) -> Duration {
    request(plan) + plan.longest_load + request(plan)
}

/// The longest that the store takes to answer where there is no trouble: what opens a connection and the request, each
/// with its answer, and each a tick late.
fn request(plan: &Plan) -> Duration {
    4 * (plan.latency + plan.tick)
}

/// A few timers and messages, each of which is late by a tick; and where a limit is so short that a tick is much of
/// it, the process counts as starved, and the limit is granted once more.
fn slack(plan: &Plan) -> Duration {
    8 * plan.tick
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
