//! The bounds of all options, in one table: the attribute, an entry and the builder are held to the same.
//!
//! | option | least | most |
//! |---|---|---|
//! | `ttl`, `negative_ttl`, what `ttl_of` gives | 1 ms | 2^53 ms |
//! | `stale_while_revalidate`, `stale_if_error` | 0 | 2^52 ms; with the ttl, 2^53 ms |
//! | `lock_timeout`, `recompute_timeout`, `load_timeout`, `op_timeout` | 1 ms | 2^53 ms |
//! | `wait_for_lock`, `retry_after` | 0 | 2^53 ms |
//! | `beta` | 0 | any finite number |
//! | `jitter` | 0 | 1 |
//! | `max_value_bytes`, `max_bypass` | 1 | any number |
//!
//! `ttl_of` may also give zero, which says that a value is not to be cached.

use std::fmt::Debug;
use std::time::Duration;

use crate::error::InvalidOption;

/// The shortest ttl and lease: Redis counts in whole milliseconds.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// The longest of all times: 2^53 ms, some 285,000 years, is exact in Lua's numbers and leaves Redis room to add its own
/// clock.
pub(crate) const LONGEST: Duration = Duration::from_millis(1 << 53);

/// The longest stale window. So only a ttl that is longer than this can be too long together with a window.
const LONGEST_WINDOW: Duration = Duration::from_millis(1 << 52);

pub(crate) const TTL: Bounds<Duration> = kept("ttl", SHORTEST);
pub(crate) const TTL_OF: Bounds<Duration> = kept("ttl_of", SHORTEST);
pub(crate) const NEGATIVE_TTL: Bounds<Duration> = kept("negative_ttl", SHORTEST);
pub(crate) const LOCK_TIMEOUT: Bounds<Duration> = kept("lock_timeout", SHORTEST);
pub(crate) const RETRY_AFTER: Bounds<Duration> = kept("retry_after", Duration::ZERO);
pub(crate) const STALE_WHILE_REVALIDATE: Bounds<Duration> =
    time("stale_while_revalidate", Duration::ZERO, LONGEST_WINDOW);
pub(crate) const STALE_IF_ERROR: Bounds<Duration> =
    time("stale_if_error", Duration::ZERO, LONGEST_WINDOW);
pub(crate) const WAIT_FOR_LOCK: Bounds<Duration> = time("wait_for_lock", Duration::ZERO, LONGEST);
pub(crate) const RECOMPUTE_TIMEOUT: Bounds<Duration> = time("recompute_timeout", SHORTEST, LONGEST);
pub(crate) const LOAD_TIMEOUT: Bounds<Duration> = time("load_timeout", SHORTEST, LONGEST);
pub(crate) const OP_TIMEOUT: Bounds<Duration> = time("op_timeout", SHORTEST, LONGEST);
pub(crate) const BETA: Bounds<f64> = Bounds {
    option: "beta",
    least: 0.0,
    most: f64::MAX,
    rule: |_, _| "it must be a finite number, zero or above".to_owned(),
};
pub(crate) const JITTER: Bounds<f64> = Bounds {
    option: "jitter",
    least: 0.0,
    most: 1.0,
    rule: |_, _| "it must be a number from 0 to 1".to_owned(),
};
pub(crate) const MAX_VALUE_BYTES: Bounds<usize> = count("max_value_bytes");
pub(crate) const MAX_BYPASS: Bounds<usize> = count("max_bypass");

/// The bounds of one option.
#[derive(Debug)]
pub(crate) struct Bounds<T> {
    option: &'static str,
    least: T,
    most: T,
    /// Says which of the bounds a value does not keep.
    rule: fn(&Self, &T) -> String,
}

/// A time for which a store keeps something.
const fn kept(option: &'static str, least: Duration) -> Bounds<Duration> {
    Bounds {
        option,
        least,
        most: LONGEST,
        rule: |Bounds { least, most, .. }, given| {
            if given < least {
                return format!("the shortest is {least:?}");
            }
            format!("the longest that Redis can hold is {most:?}")
        },
    }
}

const fn time(option: &'static str, least: Duration, most: Duration) -> Bounds<Duration> {
    Bounds {
        option,
        least,
        most,
        rule: |Bounds { least, most, .. }, given| {
            if given < least {
                return format!("the shortest is {least:?}");
            }
            format!("the longest is {most:?}")
        },
    }
}

const fn count(option: &'static str) -> Bounds<usize> {
    Bounds { option, least: 1, most: usize::MAX, rule: |_, _| "it must be 1 or more".to_owned() }
}

impl<T: PartialOrd + Debug> Bounds<T> {
    /// Whether `given` is within bounds.
    #[inline]
    pub(crate) fn allow(&self, given: &T) -> bool {
        // A NaN is neither.
        *given >= self.least && *given <= self.most
    }

    /// Refuses a value that is out of bounds.
    #[inline]
    pub(crate) fn check(&self, given: &T) -> Result<(), InvalidOption> {
        if self.allow(given) { Ok(()) } else { Err(self.refuse(given)) }
    }

    #[cold]
    fn refuse(&self, given: &T) -> InvalidOption {
        let rule = (self.rule)(self, given);
        InvalidOption::new(self.option, format!("is {given:?}; {rule}"))
    }
}

impl Bounds<Duration> {
    /// Whether a ttl is within bounds, whatever the stale windows are.
    #[inline]
    pub(crate) fn allow_with_any_window(&self, ttl: Duration) -> bool {
        // No stale window is longer than `LONGEST_WINDOW`.
        ttl >= self.least && ttl <= LONGEST_WINDOW
    }

    /// Refuses a ttl that is out of bounds, by itself or together with `stale`, the time for which a value is kept after
    /// it.
    pub(crate) fn check_with(&self, ttl: Duration, stale: Duration) -> Result<(), InvalidOption> {
        self.check(&ttl)?;
        if ttl.saturating_add(stale) <= LONGEST {
            return Ok(());
        }
        let problem = format!(
            "is {ttl:?}; together with a stale window of {stale:?} that is more than 2^53 ms, the most that a value may be kept"
        );
        Err(InvalidOption::new(self.option, problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NANO: Duration = Duration::from_nanos(1);

    #[test]
    fn bounds_are_exact() {
        for ttl in [SHORTEST, LONGEST] {
            assert_eq!(TTL.check(&ttl), Ok(()));
        }
        for ttl in [Duration::ZERO, SHORTEST.saturating_sub(NANO), LONGEST + NANO, Duration::MAX] {
            assert!(TTL.check(&ttl).is_err(), "{ttl:?}");
        }
        for window in [Duration::ZERO, LONGEST_WINDOW] {
            assert_eq!(STALE_IF_ERROR.check(&window), Ok(()));
        }
        assert!(STALE_IF_ERROR.check(&(LONGEST_WINDOW + NANO)).is_err());
        for beta in [0.0, f64::MAX] {
            assert_eq!(BETA.check(&beta), Ok(()));
        }
        for beta in [-f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(BETA.check(&beta).is_err(), "{beta}");
        }
        assert!(JITTER.check(&1.0).is_ok() && JITTER.check(&1.000_1).is_err());
        assert!(MAX_BYPASS.check(&1).is_ok() && MAX_BYPASS.check(&0).is_err());
    }

    #[test]
    fn a_ttl_and_a_stale_window_have_a_bound_together() {
        let room = LONGEST.saturating_sub(LONGEST_WINDOW);
        for (ttl, stale) in [
            (LONGEST, Duration::ZERO),
            (room, LONGEST_WINDOW),
            (LONGEST.saturating_sub(NANO), NANO),
        ] {
            assert_eq!(TTL.check_with(ttl, stale), Ok(()));
            assert!(TTL.check_with(ttl + NANO, stale).is_err(), "{ttl:?} {stale:?}");
        }
        for ttl in [Duration::ZERO, Duration::MAX] {
            assert!(TTL.check_with(ttl, Duration::ZERO).is_err(), "{ttl:?}");
        }
    }
}
