//! The options of a cache, of a function and of a call, with their defaults and bounds.

use std::time::Duration;

use crate::error::InvalidOption;

/// The shortest ttl and lease: Redis counts in whole milliseconds.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// The longest ttl and lease: 2^53 ms, some 285,000 years, is exact in Lua's numbers and leaves
/// Redis room to add its own clock.
pub(crate) const LONGEST: Duration = Duration::from_millis(1 << 53);

/// All options of a call but its ttl: those of its cache, or those of its entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) beta: f64,
    pub(crate) jitter: f64,
    pub(crate) lock_timeout: Duration,
    pub(crate) wait_for_lock: Duration,
    pub(crate) load_timeout: Duration,
    pub(crate) stale: Windows,
    pub(crate) retry_after: Duration,
    pub(crate) recompute_timeout: Option<Duration>,
    pub(crate) max_value_bytes: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            beta: 1.0,
            jitter: 0.0,
            lock_timeout: Duration::from_secs(2),
            wait_for_lock: Duration::from_secs(5),
            load_timeout: Duration::from_secs(3_600),
            stale: Windows { while_revalidate: Duration::ZERO, if_error: Duration::ZERO },
            retry_after: Duration::from_secs(1),
            recompute_timeout: None,
            max_value_bytes: 64 << 20,
        }
    }
}

impl Policy {
    /// Checks the bounds of the options, before anything else is done with options that were given.
    /// The options of a cache are checked once, when it is built.
    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        factor("beta", self.beta)?;
        share("jitter", self.jitter)?;
        span("lock_timeout", self.lock_timeout)
    }
}

/// For how long after its ttl a value may still be served, and when (RFC 5861).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    /// Section 3: while one caller loads it anew.
    pub(crate) while_revalidate: Duration,
    /// Section 4: where the recompute failed.
    pub(crate) if_error: Duration,
}

impl Windows {
    /// For how long a value is kept after its ttl.
    pub(crate) fn longest(self) -> Duration {
        self.while_revalidate.max(self.if_error)
    }
}

/// Whether a store can keep something for as long as `ttl`.
#[inline]
pub(crate) fn is_storable(ttl: Duration) -> bool {
    (SHORTEST..=LONGEST).contains(&ttl)
}

#[inline]
pub(crate) fn span(option: &'static str, given: Duration) -> Result<(), InvalidOption> {
    if is_storable(given) { Ok(()) } else { Err(outside_of_span(option, given)) }
}

fn outside_of_span(option: &'static str, given: Duration) -> InvalidOption {
    let problem = if given < SHORTEST {
        format!("is {given:?}; the shortest is {SHORTEST:?}")
    } else {
        format!("is {given:?}; the longest that Redis can hold is {LONGEST:?}")
    };
    InvalidOption::new(option, problem)
}

pub(crate) fn at_least_one(option: &'static str, given: usize) -> Result<(), InvalidOption> {
    if given == 0 { Err(InvalidOption::new(option, "is 0; it must be 1 or more")) } else { Ok(()) }
}

fn factor(option: &'static str, given: f64) -> Result<(), InvalidOption> {
    if given.is_finite() && given >= 0.0 {
        return Ok(());
    }
    let problem = format!("is {given}; it must be a finite number, zero or above");
    Err(InvalidOption::new(option, problem))
}

fn share(option: &'static str, given: f64) -> Result<(), InvalidOption> {
    if (0.0..=1.0).contains(&given) {
        return Ok(());
    }
    let problem = format!("is {given}; it must be a number from 0 to 1");
    Err(InvalidOption::new(option, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cache_has_by_default_is_within_bounds() {
        assert_eq!(Policy::default().check(), Ok(()));
    }

    #[test]
    fn a_span_is_within_what_redis_takes() {
        let lock_timeout = |lock_timeout| Policy { lock_timeout, ..Policy::default() }.check();
        assert_eq!(lock_timeout(SHORTEST), Ok(()));
        assert_eq!(lock_timeout(LONGEST), Ok(()));
        for bad in [Duration::ZERO, Duration::from_nanos(999_999), LONGEST * 2, Duration::MAX] {
            assert_eq!(lock_timeout(bad).unwrap_err().option(), "lock_timeout", "{bad:?}");
        }
    }

    #[test]
    fn a_beta_is_finite_and_not_negative() {
        let beta = |beta| Policy { beta, ..Policy::default() }.check();
        assert_eq!(beta(0.0), Ok(()));
        for bad in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(beta(bad).unwrap_err().option(), "beta");
        }
    }

    #[test]
    fn a_jitter_is_a_share() {
        let jitter = |jitter| Policy { jitter, ..Policy::default() }.check();
        assert!(jitter(0.0).is_ok() && jitter(1.0).is_ok());
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(jitter(bad).unwrap_err().option(), "jitter");
        }
    }
}
