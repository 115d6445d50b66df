//! The circuit breaker: when a server that does not answer is left alone, and when it is asked again.
//!
//! ```text
//! closed ── 5 failures in a row ──► open ── a probe is answered ──► closed
//!                                    ▲ │
//!                                    └─┘ a probe fails: a longer pause
//! ```
//!
//! While the breaker is open, no call waits for the server. One task at a time probes the server after
//! a pause. The pause is short where a failure costs nothing, because the server's machine refuses at
//! once, and grows where nothing comes back at all. So a server that is restarted is found again a
//! moment after it listens.
//!
//! Not every failure counts. An operation that was asked before the breaker closed may fail after that,
//! but says nothing of the server that has just answered. A connection that is lost fails all
//! operations under way on it, but counts as one failure.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::sync::lock;
use tokio::time::Instant;

/// How many failures in a row open the breaker.
const MOST_FAILURES: u32 = 5;

/// The pause before the next probe, after a failure that came at once.
const SHORT: Duration = Duration::from_millis(100);

/// The first pause after a failure that took its time. The pause doubles with each such failure, up to
/// [`LONGEST`].
const LONG: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// The circuit breaker of one server.
pub(super) struct Breaker {
    failures: AtomicU32,
    open: AtomicBool,
    probes: Mutex<Probes>,
}

struct Probes {
    next: Instant,
    pause: Duration,
    /// When the probe that is under way began; `None` if none is.
    under_way: Option<Instant>,
    /// How often the breaker has opened.
    openings: u64,
    /// When the breaker closed last.
    closed: Instant,
    /// When a lost connection was counted last.
    lost: Instant,
}

impl Breaker {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let probes =
            Probes { next: now, pause: LONG, under_way: None, openings: 0, closed: now, lost: now };
        Self {
            failures: AtomicU32::new(0),
            open: AtomicBool::new(false),
            probes: Mutex::new(probes),
        }
    }

    /// Whether the breaker is open: the server is to be left alone.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Notes that an operation was answered.
    pub(super) fn succeeded(&self) {
        // The count is looked at first, so that a hit writes nothing that other cores read.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Notes that an operation which was asked at `asked` failed. If that opened the breaker, returns how often
    /// it has opened. `drawn` is uniform in [0, 1).
    pub(super) fn failed(&self, asked: Instant, how: How, drawn: f64) -> Option<u64> {
        let mut probes = self.probes();
        if self.is_open() || !probes.is_news(asked, how) {
            return None;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < MOST_FAILURES {
            return None;
        }
        self.open.store(true, Ordering::Relaxed);
        probes.pause = LONG;
        probes.schedule(how.at_once, drawn);
        probes.openings += 1;
        Some(probes.openings)
    }

    /// Whether to probe now: the pause is over, and no probe is under way. A probe that takes longer than
    /// `longest` is not polled any more, because it would have ended. If so, the caller has to
    /// probe, and to tell the outcome to [`probed`](Self::probed).
    pub(super) fn is_due(&self, longest: Duration) -> bool {
        let mut probes = self.probes();
        let now = Instant::now();
        let is_under_way = probes.under_way.is_some_and(|begun| now - begun < longest);
        let due = self.is_open() && !is_under_way && now >= probes.next;
        if due {
            probes.under_way = Some(now);
        }
        due
    }

    /// Notes how a probe ended. If that closed the breaker, returns how often it has opened.
    pub(super) fn probed(&self, outcome: Probe, drawn: f64) -> Option<u64> {
        let mut probes = self.probes();
        probes.under_way = None;
        match outcome {
            Probe::Answered => {
                self.failures.store(0, Ordering::Relaxed);
                probes.closed = Instant::now();
                return self.open.swap(false, Ordering::Relaxed).then_some(probes.openings);
            }
            Probe::Failed { at_once } => probes.schedule(at_once, drawn),
            Probe::Abandoned => {}
        }
        None
    }

    fn probes(&self) -> MutexGuard<'_, Probes> {
        lock(&self.probes)
    }
}

/// How an operation failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// Whether the connection of the operation was lost.
    pub(super) lost: bool,
    /// Whether the operation failed at once, and not after a wait.
    pub(super) at_once: bool,
}

/// How a probe ended.
#[derive(Clone, Copy)]
pub(super) enum Probe {
    Answered,
    Failed {
        at_once: bool,
    },
    /// The probe's task was dropped.
    Abandoned,
}

impl Probes {
    /// Whether the failure of an operation that was asked at `asked` counts.
    fn is_news(&mut self, asked: Instant, how: How) -> bool {
        if asked < self.closed || (how.lost && asked < self.lost) {
            return false;
        }
        if how.lost {
            self.lost = Instant::now();
        }
        true
    }

    fn schedule(&mut self, at_once: bool, drawn: f64) {
        let pause = if at_once {
            SHORT
        } else {
            let pause = self.pause;
            self.pause = (pause * 2).min(LONGEST);
            pause
        };
        // Up to half of the pause is taken off at random, so that the processes of a fleet do not probe
        // in step.
        self.next = Instant::now() + pause.mul_f64(1.0 - drawn / 2.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const LONGEST_PROBE: Duration = Duration::from_secs(600);
    const LOST: How = How { lost: true, at_once: true };
    const REFUSED: How = How { lost: false, at_once: true };
    const IN_VAIN: How = How { lost: false, at_once: false };

    fn fails(breaker: &Breaker, how: How) -> bool {
        breaker.failed(Instant::now(), how, 0.0).is_some()
    }

    fn opened(how: How) -> Breaker {
        let breaker = Breaker::new();
        for failure in 1..=MOST_FAILURES {
            assert!(!breaker.is_open());
            assert_eq!(fails(&breaker, how), failure == MOST_FAILURES);
        }
        assert!(breaker.is_open());
        breaker
    }

    #[test]
    fn failures_must_come_in_a_row() {
        let breaker = Breaker::new();
        for _ in 0..3 {
            for _ in 1..MOST_FAILURES {
                assert!(!fails(&breaker, REFUSED));
            }
            breaker.succeeded();
        }
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_before_it_closed_does_not_count() {
        let breaker = opened(REFUSED);
        let asked = Instant::now();
        advance(SHORT).await;
        assert!(breaker.is_due(LONGEST_PROBE));
        assert!(breaker.probed(Probe::Answered, 0.0).is_some());
        for how in [LOST, REFUSED, IN_VAIN] {
            for _ in 0..2 * MOST_FAILURES {
                assert!(breaker.failed(asked, how, 0.0).is_none(), "{how:?}");
            }
        }
        // And leaves no trace.
        for _ in 1..MOST_FAILURES {
            assert!(!fails(&breaker, REFUSED));
        }
        assert!(fails(&breaker, REFUSED));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_is_one_failure() {
        let breaker = Breaker::new();
        for connection in 1..=MOST_FAILURES {
            let asked = Instant::now();
            advance(Duration::from_millis(1)).await;
            let opens = connection == MOST_FAILURES;
            assert_eq!(breaker.failed(asked, LOST, 0.0).is_some(), opens, "{connection}");
            for _ in 0..100 {
                assert!(breaker.failed(asked, LOST, 0.0).is_none(), "{connection}");
            }
        }
        assert!(breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn each_refusal_counts_and_so_does_each_wait_in_vain() {
        for how in [REFUSED, IN_VAIN] {
            let breaker = Breaker::new();
            let asked = Instant::now();
            advance(Duration::from_millis(1)).await;
            let opened = (1..=MOST_FAILURES).map(|_| breaker.failed(asked, how, 0.0));
            assert_eq!(opened.flatten().count(), 1, "{how:?}");
            assert!(breaker.is_open());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_nobody_polls_is_made_again() {
        let breaker = opened(REFUSED);
        advance(LONGEST).await;
        assert!(breaker.is_due(LONGEST_PROBE));
        advance(LONGEST_PROBE * 99 / 100).await;
        assert!(!breaker.is_due(LONGEST_PROBE), "it may still end");
        advance(LONGEST_PROBE / 100).await;
        assert!(breaker.is_due(LONGEST_PROBE));
        assert!(!breaker.is_due(LONGEST_PROBE));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probes_at_a_time_and_after_a_pause() {
        let breaker = opened(IN_VAIN);
        assert!(!breaker.is_due(LONGEST_PROBE));
        advance(LONG).await;
        assert!(breaker.is_due(LONGEST_PROBE));
        assert!(!breaker.is_due(LONGEST_PROBE), "somebody does");
        assert!(breaker.probed(Probe::Answered, 0.0).is_some());
        assert!(!breaker.is_open());
        assert!(!breaker.is_due(LONGEST_PROBE));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_probed_less_and_less() {
        let breaker = opened(IN_VAIN);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            advance(Duration::from_millis(seconds * 1_000 - 1)).await;
            assert!(!breaker.is_due(LONGEST_PROBE), "{seconds} s");
            advance(Duration::from_millis(1)).await;
            assert!(breaker.is_due(LONGEST_PROBE), "{seconds} s");
            assert!(breaker.probed(Probe::Failed { at_once: false }, 0.0).is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_probed_on_and_on() {
        let breaker = opened(REFUSED);
        for _ in 0..100 {
            advance(SHORT).await;
            assert!(breaker.is_due(LONGEST_PROBE));
            breaker.probed(Probe::Failed { at_once: true }, 0.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_probe_is_made_again() {
        let breaker = opened(REFUSED);
        advance(SHORT).await;
        assert!(breaker.is_due(LONGEST_PROBE));
        breaker.probed(Probe::Abandoned, 0.0);
        assert!(breaker.is_due(LONGEST_PROBE));
    }

    #[tokio::test(start_paused = true)]
    async fn up_to_half_of_a_pause_is_taken_off() {
        let breaker = Breaker::new();
        for _ in 0..MOST_FAILURES {
            breaker.failed(Instant::now(), IN_VAIN, 1.0);
        }
        advance(LONG / 2).await;
        assert!(breaker.is_due(LONGEST_PROBE));
    }
}
