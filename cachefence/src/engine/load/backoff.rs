//! Backoff: how long a waiter pauses before it asks the store again.
//!
//! A waiter of another process's load asks soon at first, because most loads are short, and then less
//! often. The pauses are partly random, so that the waiters of a fleet do not all ask at the same
//! moment. A waiter that the store wakes asks too, though seldom, in case a wake-up is lost.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(200);

/// The pause of a waiter that the store wakes: a safety net, in case a wake-up is lost.
const WATCHING: Duration = Duration::from_secs(1);

/// The pauses of one waiter: from 20 ms on, each half as long again as the one before, up to 200 ms, and
/// each shortened at random by up to a quarter.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// The next pause; `drawn` is uniform in [0, 1). `watched` says that the store will wake the waiter,
    /// which then need not ask often.
    pub(super) fn next(&mut self, watched: bool, drawn: f64) -> Duration {
        let pause = if watched { WATCHING } else { self.0 };
        if !watched {
            self.0 = (self.0 * 3 / 2).min(LONGEST);
        }
        pause.mul_f64(1.0 - drawn / 4.0)
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
}
