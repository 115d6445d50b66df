//! Backoff: how long a waiter pauses before it asks the store again.
//!
//! A waiter of another process's load asks soon at first, because most loads are short, and then less
//! often. The pauses are partly random, so that the waiters of a fleet do not all ask at the same
//! moment. A waiter that the store wakes asks too, though seldom, in case a wake-up is lost.
//!
//! A waiter that is woken asks at once. But a store may wake for no reason: a Redis whose tracking table is full
//! forgets a key, and says that it has changed, as soon as another one is read. So a waiter that has been woken in
//! vain, and is woken again, leaves the pauses of one that nobody wakes. They count from its last question, not from
//! the wake-up. So a waiter that has slept for longer than that still asks at once, and no value that lands is
//! found later than by asking again and again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(200);

/// The pause of a waiter that the store wakes: a safety net, in case a wake-up is lost.
const WATCHING: Duration = Duration::from_secs(1);

/// The pauses of one waiter: from 20 ms on, each half as long again as the one before, up to 200 ms, and
/// each shortened at random by up to a quarter.
#[derive(Debug)]
pub(super) struct Backoff {
    pause: Duration,
    /// Whether the waiter was woken last time, and found nothing changed.
    in_vain: bool,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { pause: FIRST, in_vain: false }
    }

    /// Notes what the waiter has found: whether it had asked because it was `woken`, and whether anything had
    /// `changed` since it asked before.
    pub(super) fn note(&mut self, woken: bool, changed: bool) {
        self.in_vain = woken && !changed;
    }

    /// The next pause; `drawn` is uniform in [0, 1). `watched` says that the store will wake the waiter,
    /// which then need not ask often.
    pub(super) fn next(&mut self, watched: bool, drawn: f64) -> Duration {
        let pause = if watched { WATCHING } else { self.pause };
        if !watched {
            self.pause = (self.pause * 3 / 2).min(LONGEST);
        }
        pause.mul_f64(1.0 - drawn / 4.0)
    }

    /// For how much longer a waiter that is woken pauses, which asked this `long_ago`: not at all, unless it was woken
    /// in vain before, and a moment ago. On a busy machine a wake-up comes late, so only a waiter that has slept for
    /// longer than any pause begins with short pauses again.
    pub(super) fn after_wake(&mut self, long_ago: Duration, drawn: f64) -> Duration {
        if long_ago >= LONGEST {
            self.pause = FIRST;
            return Duration::ZERO;
        }
        if !self.in_vain {
            return Duration::ZERO;
        }
        self.next(false, drawn).saturating_sub(long_ago)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_longest() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..10).map(|_| backoff.next(false, 0.0).as_millis()).collect();
        assert_eq!(pauses, [20, 30, 45, 67, 101, 151, 200, 200, 200, 200]);
    }

    #[test]
    fn up_to_a_quarter_is_taken_off() {
        assert_eq!(Backoff::new().next(false, 1.0), FIRST * 3 / 4);
    }

    #[test]
    fn who_is_woken_looks_seldom() {
        let mut backoff = Backoff::new();
        assert_eq!(backoff.next(true, 0.0), WATCHING);
        assert_eq!(backoff.next(false, 0.0), FIRST);
    }

    #[test]
    fn whoever_was_woken_in_vain_is_paced_until_something_changes() {
        const NOW: Duration = Duration::ZERO;
        let mut backoff = Backoff::new();
        let mut woken = |changed, long_ago| {
            let pause = backoff.after_wake(long_ago, 0.0).as_millis();
            backoff.note(true, changed);
            pause
        };
        assert_eq!([(); 5].map(|()| woken(false, NOW)), [0, 20, 30, 45, 67]);
        assert_eq!(woken(false, Duration::from_millis(41)), 60, "it counts from the last question");
        assert_eq!(
            woken(false, LONGEST * 3 / 4),
            1,
            "a wake-up that comes late makes no pause shorter"
        );
        assert_eq!(woken(true, NOW), 200);
        assert_eq!([(); 2].map(|()| woken(false, NOW)), [0, 200]);
        assert_eq!(woken(false, LONGEST), 0, "it has slept long enough");
        assert_eq!(woken(false, NOW), 20);
    }
}
