//! How long calls took, against what they may take.

use std::fmt;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::callers::{BODY, OP_TIMEOUT};

/// How often [`watched`] looks at the clock, and how late it may be.
const TICK: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_millis(10);

/// When a runtime stood still, because the machine was busy with other things.
#[derive(Default)]
pub(crate) struct Stalls(Vec<(Instant, Instant)>);

/// Runs `work`, and tells when its runtime stood still meanwhile: a timer of 5 ms that takes 40 has been robbed of 35,
/// and so has whatever else the runtime was about.
pub(crate) async fn watched<F: Future>(work: F) -> (F::Output, Stalls) {
    let (mut work, mut stalls) = (pin!(work), Stalls::default());
    loop {
        let due = Instant::now() + TICK;
        let output = tokio::select! {
            output = &mut work => Some(output),
            () = sleep(TICK) => None,
        };
        let now = Instant::now();
        if now > due + LATE {
            stalls.0.push((due, now));
        }
        if let Some(output) = output {
            return (output, stalls);
        }
    }
}

impl Stalls {
    /// How long it was from `began` to `ended`, without the time in which the runtime stood still, and without what
    /// that brought about: an operation whose timer is late by a tenth of its time is waited for once more, for as long.
    pub(crate) fn leave(&self, began: Instant, ended: Instant) -> Duration {
        let stalls = self
            .0
            .iter()
            .map(|(from, to)| (*to).min(ended).saturating_duration_since((*from).max(began)));
        let once_more = |stall: Duration| {
            if stall + TICK >= OP_TIMEOUT / 10 { OP_TIMEOUT } else { Duration::ZERO }
        };
        let excused = stalls.map(|stall| stall + once_more(stall)).sum();
        (ended - began).saturating_sub(excused)
    }
}

/// The times of some calls, in order of length, without the time in which their runtime stood still.
#[derive(Default)]
pub(crate) struct Timings(Vec<Duration>);

/// How many operations longer a call may take where the server or the proxy waits for a processor.
const NOISE: u32 = 4;

impl Timings {
    pub(crate) fn add(&mut self, more: Vec<Duration>) {
        self.0.extend(more);
        self.0.sort_unstable();
    }

    pub(crate) fn join(&mut self, Self(more): Self) {
        self.add(more);
    }

    fn at(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }

    pub(crate) fn longest(&self) -> Duration {
        self.at(100)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Asserts that no call waited for the store for much longer than one operation may take, besides the
    /// bodies that it waited for: its own, and the one under way when it came.
    #[track_caller]
    pub(crate) fn assert_bounded(&self, what: &str) {
        println!("{what}: {self}");
        let most = 2 * BODY + OP_TIMEOUT;
        assert!(self.at(99) <= most + OP_TIMEOUT / 2, "{what}: {self}");
        assert!(self.at(100) <= most + NOISE * OP_TIMEOUT, "{what}: {self}");
    }

    /// Asserts that the store cost the calls next to nothing.
    #[track_caller]
    pub(crate) fn assert_undelayed(&self, what: &str) {
        println!("{what}: {self}");
        assert!(self.at(50) <= 2 * BODY + OP_TIMEOUT / 4, "{what}: {self}");
        assert!(self.at(90) <= 2 * BODY + OP_TIMEOUT / 2, "{what}: {self}");
    }
}

impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, most] = [50, 99, 100].map(|percent| self.at(percent));
        write!(f, "{} calls, p50 {median:.1?}, p99 {p99:.1?}, max {most:.1?}", self.len())
    }
}
