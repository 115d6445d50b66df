//! The options of a cache, of a function and of a call: the nearest one that is set decides.

use std::time::Duration;

use crate::error::InvalidOption;

/// The shortest ttl and lease: Redis counts in whole milliseconds.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// The longest ttl and lease: 2^53 ms, some 285,000 years, is exact in Lua's numbers and leaves
/// Redis room to add its own clock.
pub(crate) const LONGEST: Duration = Duration::from_millis(1 << 53);

/// What a function or a call overrides.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Overrides {
    pub(crate) ttl: Option<Duration>,
    pub(crate) beta: Option<f64>,
    pub(crate) jitter: Option<f64>,
    pub(crate) lock_timeout: Option<Duration>,
    pub(crate) wait_for_lock: Option<Duration>,
    pub(crate) max_rebuild: Option<Duration>,
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) recompute_timeout: Option<Duration>,
    pub(crate) max_value_bytes: Option<usize>,
}

/// A cache's own settings: validated once, when it is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults(Policy);

impl Defaults {
    pub(crate) fn new(given: &Overrides) -> Result<Self, InvalidOption> {
        Policy::new(&Self::default(), given).map(Self)
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self(Policy {
            ttl: None,
            beta: 1.0,
            jitter: 0.0,
            lock_timeout: Duration::from_secs(2),
            wait_for_lock: Duration::from_secs(5),
            max_rebuild: Duration::from_secs(60),
            stale: Windows { while_revalidate: Duration::ZERO, if_error: Duration::ZERO },
            retry_after: Duration::from_secs(1),
            recompute_timeout: None,
            max_value_bytes: 64 << 20,
        })
    }
}

/// What decides one call: every value is within its bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// `None` where the value decides.
    pub(crate) ttl: Option<Duration>,
    pub(crate) beta: f64,
    pub(crate) jitter: f64,
    pub(crate) lock_timeout: Duration,
    pub(crate) wait_for_lock: Duration,
    pub(crate) max_rebuild: Duration,
    pub(crate) stale: Windows,
    pub(crate) retry_after: Duration,
    pub(crate) recompute_timeout: Option<Duration>,
    pub(crate) max_value_bytes: usize,
}

/// For how long after its ttl a value may still be served, and when (RFC 5861).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    /// Section 3: while somebody revalidates it.
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

impl Policy {
    pub(crate) fn new(
        Defaults(default): &Defaults,
        given: &Overrides,
    ) -> Result<Self, InvalidOption> {
        Ok(Self {
            ttl: given.ttl.map(|ttl| span("ttl", ttl)).transpose()?,
            beta: match given.beta {
                Some(beta) => factor("beta", beta)?,
                None => default.beta,
            },
            jitter: match given.jitter {
                Some(jitter) => share("jitter", jitter)?,
                None => default.jitter,
            },
            lock_timeout: match given.lock_timeout {
                Some(timeout) => span("lock_timeout", timeout)?,
                None => default.lock_timeout,
            },
            wait_for_lock: given.wait_for_lock.unwrap_or(default.wait_for_lock),
            max_rebuild: given.max_rebuild.unwrap_or(default.max_rebuild),
            stale: Windows {
                while_revalidate: given
                    .stale_while_revalidate
                    .unwrap_or(default.stale.while_revalidate),
                if_error: given.stale_if_error.unwrap_or(default.stale.if_error),
            },
            retry_after: given.retry_after.unwrap_or(default.retry_after),
            recompute_timeout: given.recompute_timeout.or(default.recompute_timeout),
            max_value_bytes: given.max_value_bytes.unwrap_or(default.max_value_bytes),
        })
    }

    /// The ttl where no value decides.
    pub(crate) fn fixed_ttl(&self) -> Result<Duration, InvalidOption> {
        self.ttl.ok_or_else(|| InvalidOption::missing("ttl"))
    }
}

/// Whether a store can keep something for as long as `ttl`.
pub(crate) fn is_storable(ttl: Duration) -> bool {
    (SHORTEST..=LONGEST).contains(&ttl)
}

pub(crate) fn span(option: &'static str, given: Duration) -> Result<Duration, InvalidOption> {
    match given {
        given if given < SHORTEST => Err(InvalidOption::too_short(option, given)),
        given if given > LONGEST => Err(InvalidOption::too_long(option, given)),
        given => Ok(given),
    }
}

pub(crate) fn at_least_one(option: &'static str, given: usize) -> Result<usize, InvalidOption> {
    if given == 0 { Err(InvalidOption::zero(option)) } else { Ok(given) }
}

fn factor(option: &'static str, given: f64) -> Result<f64, InvalidOption> {
    if given.is_finite() && given >= 0.0 {
        Ok(given)
    } else {
        Err(InvalidOption::not_a_factor(option, given))
    }
}

fn share(option: &'static str, given: f64) -> Result<f64, InvalidOption> {
    if (0.0..=1.0).contains(&given) {
        Ok(given)
    } else {
        Err(InvalidOption::not_a_share(option, given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(given: &Overrides) -> Result<Policy, InvalidOption> {
        Policy::new(&Defaults::new(&Overrides::default()).unwrap(), given)
    }

    fn ttl(ttl: Duration) -> Overrides {
        Overrides { ttl: Some(ttl), ..Overrides::default() }
    }

    #[test]
    fn a_ttl_is_within_what_redis_takes() {
        assert!(policy(&ttl(SHORTEST)).is_ok());
        assert!(policy(&ttl(LONGEST)).is_ok());
        for bad in [Duration::ZERO, Duration::from_nanos(999_999), LONGEST * 2, Duration::MAX] {
            assert_eq!(policy(&ttl(bad)).unwrap_err().option(), "ttl", "{bad:?}");
        }
        let none = policy(&Overrides::default()).unwrap().fixed_ttl();
        assert_eq!(none.unwrap_err(), InvalidOption::missing("ttl"));
    }

    #[test]
    fn a_beta_is_finite_and_not_negative() {
        let beta = |beta| Overrides { beta: Some(beta), ..ttl(Duration::from_secs(1)) };
        assert!(policy(&beta(0.0)).is_ok());
        for bad in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(policy(&beta(bad)).unwrap_err().option(), "beta");
            assert_eq!(Defaults::new(&beta(bad)).unwrap_err().option(), "beta");
        }
    }

    #[test]
    fn a_jitter_is_a_share() {
        let jitter = |jitter| Overrides { jitter: Some(jitter), ..ttl(Duration::from_secs(1)) };
        assert!(policy(&jitter(0.0)).is_ok() && policy(&jitter(1.0)).is_ok());
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(policy(&jitter(bad)).unwrap_err().option(), "jitter");
        }
    }

    #[test]
    fn the_nearest_setting_decides() {
        let near = Overrides { lock_timeout: Some(Duration::from_secs(9)), ..ttl(SHORTEST) };
        let policy = policy(&near).unwrap();
        assert_eq!(policy.lock_timeout, Duration::from_secs(9));
        assert_eq!(policy.wait_for_lock, Duration::from_secs(5));
    }
}
