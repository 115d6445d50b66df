//! The server's clock, as this process knows it.
//!
//! A reply brings the server's time, if that was asked for. The server read its clock at some point
//! between sending and receiving, so the reply places that clock against the monotonic one here with an
//! uncertainty of one round trip. The most certain sample is kept. It becomes less certain with age,
//! because clocks drift apart. No wall clock of this machine is ever read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::Timestamp;
use crate::sync::lock;

/// How long after the server was asked for its time the next read asks again, in the same round trip. That is
/// how long a step of the server's clock may stay unnoticed, or a time in which this machine slept.
const STALE: Duration = Duration::from_secs(1);

/// How fast two clocks may drift apart: one part in this many. Ordinary oscillators are ten times better.
const DRIFT: u32 = 1_000;

/// What this process knows of one server's clock.
pub(super) struct ServerClock {
    base: Instant,
    /// The server's time at `base` in microseconds, by the sample that counts; zero if there is none.
    at_base: AtomicU64,
    /// Until when the server's time need not be asked for again, in microseconds from `base` on.
    known_until: AtomicU64,
    /// The sample that counts.
    sample: Mutex<Option<Sample>>,
}

/// An instant, in microseconds since the `base` of a clock.
#[derive(Clone, Copy)]
pub(super) struct Moment(u64);

impl Moment {
    /// How long ago `earlier` was at this moment, in microseconds.
    pub(super) fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The server's time at one moment, from which it runs on.
#[derive(Clone, Copy)]
struct Sample {
    /// Half way between sending and receiving.
    at: Instant,
    server: Timestamp,
    /// Half the round trip.
    uncertainty: Duration,
}

impl Sample {
    fn project(&self, now: Instant) -> Timestamp {
        match self.at.checked_duration_since(now) {
            // Replies need not come in the order of their questions.
            Some(earlier) => {
                let earlier = u64::try_from(earlier.as_micros()).unwrap_or(u64::MAX);
                Timestamp::from_micros(self.server.as_micros().saturating_sub(earlier))
            }
            None => self.server.after(now.saturating_duration_since(self.at)),
        }
    }

    fn uncertainty_at(&self, now: Instant) -> Duration {
        self.uncertainty + now.saturating_duration_since(self.at) / DRIFT
    }
}

impl ServerClock {
    pub(super) fn new() -> Self {
        Self {
            base: Instant::now(),
            at_base: AtomicU64::new(0),
            known_until: AtomicU64::new(0),
            sample: Mutex::default(),
        }
    }

    /// Takes in the reply to a `TIME` that was sent at `sent` and is answered just now. Returns the server's
    /// time now.
    pub(super) fn learn(&self, sent: Instant, time: (u64, u64)) -> Timestamp {
        let server = timestamp(time);
        let now = Instant::now();
        let uncertainty = now.saturating_duration_since(sent) / 2;
        let new = Sample { at: sent + uncertainty, server, uncertainty };
        let mut sample = self.sample();
        let mut counts = new;
        if let Some(old) = *sample {
            let believed = old.project(new.at);
            let apart = believed.since(server).or(server.since(believed)).unwrap_or_default();
            let old_uncertainty = old.uncertainty_at(now);
            // If two samples contradict each other, the server's clock was set. The new sample counts.
            let contradicts = apart > old_uncertainty + uncertainty;
            if !contradicts && old_uncertainty < uncertainty {
                counts = old;
            }
        }
        *sample = Some(counts);
        let at_base = counts.project(now).as_micros().saturating_sub(self.micros(now));
        self.at_base.store(at_base.max(1), Ordering::Relaxed);
        let known_until = self.micros(now.checked_add(STALE).unwrap_or(now));
        // Release: a reader that sees this `known_until` also sees the `at_base` stored above.
        self.known_until.store(known_until, Ordering::Release);
        counts.project(now)
    }

    /// The server's time now; `None` if it has never been learned.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.at(self.moment(Instant::now()))
    }

    /// The server's time at a moment; `None` if it has never been learned.
    pub(super) fn at(&self, Moment(micros): Moment) -> Option<Timestamp> {
        match self.at_base.load(Ordering::Relaxed) {
            0 => None,
            at_base => Some(Timestamp::from_micros(at_base.saturating_add(micros))),
        }
    }

    /// Whether the server's time is known, so that a read which is sent `now` need not ask for it.
    pub(super) fn is_known(&self, Moment(micros): Moment) -> bool {
        micros <= self.known_until.load(Ordering::Acquire)
    }

    /// An instant as this clock counts it: a read converts each instant once, and then compares numbers.
    pub(super) fn moment(&self, instant: Instant) -> Moment {
        Moment(self.micros(instant))
    }

    /// The microseconds from `base` to `now`, and one more: never zero, because a `known_until` of zero
    /// is in the past.
    fn micros(&self, now: Instant) -> u64 {
        let micros = now.saturating_duration_since(self.base).as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn sample(&self) -> MutexGuard<'_, Option<Sample>> {
        lock(&self.sample)
    }
}

/// A result and, if that was asked for, the server's time in seconds and microseconds.
pub(super) type Timed<T> = (T, Option<(u64, u64)>);

/// What `TIME` answers: seconds and microseconds.
pub(super) fn timestamp((seconds, micros): (u64, u64)) -> Timestamp {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const EPOCH: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn near(a: Option<Timestamp>, b: Timestamp, tolerance: Duration) -> bool {
        a.is_some_and(|a| a.since(b).or(b.since(a)).unwrap_or_default() <= tolerance)
    }

    fn time(server: Timestamp) -> (u64, u64) {
        (server.as_micros() / 1_000_000, server.as_micros() % 1_000_000)
    }

    async fn sample(clock: &ServerClock, server: Timestamp, trip: Duration) {
        let sent = Instant::now();
        advance(trip).await;
        clock.learn(sent, time(server.after(trip / 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_on_from_its_sample() {
        let clock = ServerClock::new();
        assert_eq!(clock.now(), None);
        assert!(!clock.is_known(clock.moment(Instant::now())));
        sample(&clock, EPOCH, Duration::from_millis(2)).await;
        assert!(clock.is_known(clock.moment(Instant::now())));
        advance(STALE).await;
        assert!(clock.is_known(clock.moment(Instant::now())));
        let expected = EPOCH.after(Duration::from_millis(1_002));
        assert!(near(clock.now(), expected, Duration::from_millis(1)));
        advance(Duration::from_millis(1)).await;
        assert!(!clock.is_known(clock.moment(Instant::now())));
    }

    #[tokio::test(start_paused = true)]
    async fn the_more_certain_sample_is_kept() {
        let clock = ServerClock::new();
        sample(&clock, EPOCH, Duration::from_millis(1)).await;
        // The reply with this sample was 100 ms late, all of it on the way back.
        let sent = Instant::now();
        let server = EPOCH.after(Duration::from_millis(1));
        advance(Duration::from_millis(100)).await;
        clock.learn(sent, time(server));
        let expected = EPOCH.after(Duration::from_millis(101));
        assert!(near(clock.now(), expected, Duration::from_millis(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_is_believed_at_once() {
        let clock = ServerClock::new();
        sample(&clock, EPOCH, Duration::from_millis(1)).await;
        let set = EPOCH.after(Duration::from_secs(3_600));
        sample(&clock, set, Duration::from_millis(20)).await;
        assert!(near(clock.now(), set, Duration::from_millis(30)));
    }
}
