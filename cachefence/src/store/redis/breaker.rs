//! The circuit breaker: when a server that does not answer is left alone, and when it is asked again.
//!
//! ```text
//! closed ── 5 failures in a row ──► open ── a probe is answered ──► closed
//!                                    ▲ │
//!                                    └─┘ a probe fails: a longer pause
//! ```
//!
//! Each runtime has a breaker of its own for each lane to a server, because the fault may be in its connection
//! and not the server. While the breaker is open, no call waits for the server over that lane. One task of the
//! process at a time probes the server after a pause ([`Probes`]), and an answer closes the breakers of all
//! runtimes. The pause is short where a failure costs nothing, because the server's machine refuses at
//! once, and grows where nothing comes back at all: from none, since it may be the connections alone that
//! are silent. So a server that is restarted is found again a moment after it listens.
//!
//! Not every failure counts. An operation that was asked before the breaker closed may fail after that,
//! but says nothing of the server that has just answered. A connection that is lost fails all
//! operations under way on it, but counts as one failure.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
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

/// The number of the next outage, of whichever server.
static OUTAGES: AtomicU64 = AtomicU64::new(1);

/// The circuit breaker of one runtime and lane.
pub(super) struct Breaker {
    failures: AtomicU32,
    open: AtomicBool,
    news: Mutex<News>,
    probes: Arc<Probes>,
}

/// Which failures say something new.
struct News {
    /// When the breaker closed last.
    closed: Instant,
    /// When a lost connection was counted last.
    lost: Instant,
    /// When the operation began that failed last.
    failed: Instant,
}

/// When a server is probed that breakers are open for.
pub(super) struct Probes(Mutex<Schedule>);

struct Schedule {
    next: Instant,
    pause: Duration,
    /// When the probe that is under way began; `None` if none is.
    under_way: Option<Instant>,
    /// Whether a breaker has opened since a probe was answered last.
    is_outage: bool,
    /// The number of the last outage.
    outage: u64,
}

impl Breaker {
    pub(super) fn new(probes: Arc<Probes>) -> Self {
        let now = Instant::now();
        Self {
            failures: AtomicU32::new(0),
            open: AtomicBool::new(false),
            news: Mutex::new(News { closed: now, lost: now, failed: now }),
            probes,
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

    /// Notes that an operation which was asked at `asked` failed. If that opened the first breaker of an outage,
    /// returns its number. `drawn` is uniform in [0, 1).
    pub(super) fn failed(&self, asked: Instant, how: How, drawn: f64) -> Option<u64> {
        let mut news = lock(&self.news);
        if self.is_open() || !news.take(asked, how) {
            return None;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < MOST_FAILURES {
            return None;
        }
        self.open.store(true, Ordering::Relaxed);
        self.probes.opened(how, drawn)
    }

    /// Closes the breaker, because a probe was answered. If it was open, returns when the operation began that failed
    /// last.
    pub(super) fn close(&self) -> Option<Instant> {
        let mut news = lock(&self.news);
        self.failures.store(0, Ordering::Relaxed);
        news.closed = Instant::now();
        self.open.swap(false, Ordering::Relaxed).then_some(news.failed)
    }
}

impl News {
    /// Whether the failure of an operation that was asked at `asked` counts.
    fn take(&mut self, asked: Instant, how: How) -> bool {
        if asked < self.closed || (how.lost && asked < self.lost) {
            return false;
        }
        self.failed = asked;
        if how.lost {
            self.lost = Instant::now();
        }
        true
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

impl Default for Probes {
    fn default() -> Self {
        let schedule = Schedule {
            next: Instant::now(),
            pause: LONG,
            under_way: None,
            is_outage: false,
            outage: 0,
        };
        Self(Mutex::new(schedule))
    }
}

impl Probes {
    /// Notes that a breaker has opened. Returns the number of the outage if it has just begun.
    fn opened(&self, how: How, drawn: f64) -> Option<u64> {
        let mut schedule = self.schedule();
        if schedule.is_outage {
            return None;
        }
        schedule.is_outage = true;
        schedule.outage = OUTAGES.fetch_add(1, Ordering::Relaxed);
        schedule.pause = LONG;
        // After silence the first probe is due now: the connections may be all that is silent, because a NAT has
        // forgotten them, and a new one shows that within a round trip.
        if how.at_once {
            // A server that refuses, and has answered a probe a moment ago, keeps the pause after that: operations
            // fail although it answers. One whose connections are lost was restarted, and may be back at once.
            let earliest = if how.lost { Instant::now() } else { schedule.next };
            schedule.put_off(true, drawn);
            schedule.next = schedule.next.max(earliest);
        }
        Some(schedule.outage)
    }

    /// Whether to probe now, for a caller that has found its breaker open: the pause is over, and no probe is under
    /// way. A probe that takes longer than `longest` is not polled any more, because it would have ended. If so, the
    /// caller has to probe, and to tell the outcome to [`probed`](Self::probed).
    pub(super) fn claim(&self, longest: Duration) -> bool {
        let mut schedule = self.schedule();
        let now = Instant::now();
        let is_under_way = schedule.under_way.is_some_and(|begun| now - begun < longest);
        let due = !is_under_way && now >= schedule.next;
        if due {
            schedule.under_way = Some(now);
        }
        due
    }

    /// Notes that no breaker is open any more, because the last runtime of an open one has ended.
    pub(super) fn forget(&self) {
        let mut schedule = self.schedule();
        (schedule.is_outage, schedule.pause) = (false, LONG);
    }

    /// Notes that another server is asked from now on: a probe is due at once.
    pub(super) fn hurry(&self) {
        let mut schedule = self.schedule();
        (schedule.next, schedule.pause) = (Instant::now(), LONG);
        schedule.under_way = None;
    }

    /// Notes that the server is not asked any more. If that ended an outage, returns its number.
    pub(super) fn give_up(&self) -> Option<u64> {
        let mut schedule = self.schedule();
        std::mem::take(&mut schedule.is_outage).then_some(schedule.outage)
    }

    /// Notes how a probe ended. If that ended an outage, returns its number.
    pub(super) fn probed(&self, outcome: Probe, drawn: f64) -> Option<u64> {
        let mut schedule = self.schedule();
        schedule.under_way = None;
        match outcome {
            Probe::Answered => {
                // The next outage may begin at once, where answers come too late for an operation.
                schedule.pause = LONG;
                schedule.put_off(false, drawn);
                let was_outage = std::mem::take(&mut schedule.is_outage);
                return was_outage.then_some(schedule.outage);
            }
            Probe::Failed { at_once } => schedule.put_off(at_once, drawn),
            Probe::Abandoned => {}
        }
        None
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        lock(&self.0)
    }
}

impl Schedule {
    fn put_off(&mut self, at_once: bool, drawn: f64) {
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

    fn breaker() -> Breaker {
        Breaker::new(Arc::default())
    }

    fn is_due(breaker: &Breaker, longest: Duration) -> bool {
        breaker.is_open() && breaker.probes.claim(longest)
    }

    fn probed(breaker: &Breaker, outcome: Probe, drawn: f64) -> Option<u64> {
        if matches!(outcome, Probe::Answered) {
            breaker.close();
        }
        breaker.probes.probed(outcome, drawn)
    }

    fn fails(breaker: &Breaker, how: How) -> bool {
        breaker.failed(Instant::now(), how, 0.0).is_some()
    }

    fn opened(how: How) -> Breaker {
        let breaker = breaker();
        for failure in 1..=MOST_FAILURES {
            assert!(!breaker.is_open());
            assert_eq!(fails(&breaker, how), failure == MOST_FAILURES);
        }
        assert!(breaker.is_open());
        breaker
    }

    #[test]
    fn failures_must_come_in_a_row() {
        let breaker = breaker();
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
        assert!(is_due(&breaker, LONGEST_PROBE));
        assert!(probed(&breaker, Probe::Answered, 0.0).is_some());
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
        let breaker = breaker();
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
            let breaker = breaker();
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
        assert!(is_due(&breaker, LONGEST_PROBE));
        advance(LONGEST_PROBE * 99 / 100).await;
        assert!(!is_due(&breaker, LONGEST_PROBE), "it may still end");
        advance(LONGEST_PROBE / 100).await;
        assert!(is_due(&breaker, LONGEST_PROBE));
        assert!(!is_due(&breaker, LONGEST_PROBE));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probes_at_a_time_and_after_a_pause() {
        let breaker = opened(REFUSED);
        assert!(!is_due(&breaker, LONGEST_PROBE));
        advance(SHORT).await;
        assert!(is_due(&breaker, LONGEST_PROBE));
        assert!(!is_due(&breaker, LONGEST_PROBE), "somebody does");
        assert!(probed(&breaker, Probe::Answered, 0.0).is_some());
        assert!(!breaker.is_open());
        assert!(!is_due(&breaker, LONGEST_PROBE));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_probed_less_and_less() {
        let breaker = opened(IN_VAIN);
        assert!(is_due(&breaker, LONGEST_PROBE), "it may be the connections alone that are silent");
        assert!(probed(&breaker, Probe::Failed { at_once: false }, 0.0).is_none());
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            advance(Duration::from_millis(seconds * 1_000 - 1)).await;
            assert!(!is_due(&breaker, LONGEST_PROBE), "{seconds} s");
            advance(Duration::from_millis(1)).await;
            assert!(is_due(&breaker, LONGEST_PROBE), "{seconds} s");
            assert!(probed(&breaker, Probe::Failed { at_once: false }, 0.0).is_none());
        }
    }

    /// As where answers come, but later than an operation may take.
    #[tokio::test(start_paused = true)]
    async fn silence_after_an_answer_is_not_probed_at_once() {
        let breaker = opened(IN_VAIN);
        for _ in 0..3 {
            probed(&breaker, Probe::Failed { at_once: false }, 0.0);
        }
        advance(LONGEST).await;
        for _ in 0..10 {
            assert!(is_due(&breaker, LONGEST_PROBE));
            assert!(probed(&breaker, Probe::Answered, 0.0).is_some());
            for _ in 0..MOST_FAILURES {
                fails(&breaker, IN_VAIN);
            }
            advance(LONG.saturating_sub(Duration::from_millis(1))).await;
            assert!(!is_due(&breaker, LONGEST_PROBE));
            advance(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_probed_on_and_on() {
        let breaker = opened(REFUSED);
        for _ in 0..100 {
            advance(SHORT).await;
            assert!(is_due(&breaker, LONGEST_PROBE));
            probed(&breaker, Probe::Failed { at_once: true }, 0.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_probe_is_made_again() {
        let breaker = opened(REFUSED);
        advance(SHORT).await;
        assert!(is_due(&breaker, LONGEST_PROBE));
        probed(&breaker, Probe::Abandoned, 0.0);
        assert!(is_due(&breaker, LONGEST_PROBE));
    }

    #[tokio::test(start_paused = true)]
    async fn up_to_half_of_a_pause_is_taken_off() {
        let breaker = breaker();
        for _ in 0..MOST_FAILURES {
            breaker.failed(Instant::now(), REFUSED, 1.0);
        }
        advance(SHORT / 2).await;
        assert!(is_due(&breaker, LONGEST_PROBE));
    }
}
