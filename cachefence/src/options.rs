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
    pub(crate) lock_timeout: Option<Duration>,
    pub(crate) wait_for_lock: Option<Duration>,
    pub(crate) max_rebuild: Option<Duration>,
}

/// A cache's own settings: validated once, when it is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults {
    beta: f64,
    lock_timeout: Duration,
    wait_for_lock: Duration,
    max_rebuild: Duration,
}

impl Defaults {
    pub(crate) fn new(given: &Overrides) -> Result<Self, InvalidOption> {
        let default = Self::default();
        Ok(Self {
            beta: factor("beta", given.beta.unwrap_or(default.beta))?,
            lock_timeout: span("lock_timeout", given.lock_timeout.unwrap_or(default.lock_timeout))?,
            wait_for_lock: given.wait_for_lock.unwrap_or(default.wait_for_lock),
            max_rebuild: given.max_rebuild.unwrap_or(default.max_rebuild),
        })
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            beta: 1.0,
            lock_timeout: Duration::from_secs(2),
            wait_for_lock: Duration::from_secs(5),
            max_rebuild: Duration::from_secs(60),
        }
    }
}

/// What decides one call: every value is within its bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) ttl: Duration,
    pub(crate) beta: f64,
    pub(crate) lock_timeout: Duration,
    pub(crate) wait_for_lock: Duration,
    pub(crate) max_rebuild: Duration,
}

impl Policy {
    pub(crate) fn new(defaults: &Defaults, given: &Overrides) -> Result<Self, InvalidOption> {
        let ttl = given.ttl.ok_or_else(|| InvalidOption::missing("ttl"))?;
        Ok(Self {
            ttl: span("ttl", ttl)?,
            beta: match given.beta {
                Some(beta) => factor("beta", beta)?,
                None => defaults.beta,
            },
            lock_timeout: match given.lock_timeout {
                Some(timeout) => span("lock_timeout", timeout)?,
                None => defaults.lock_timeout,
            },
            wait_for_lock: given.wait_for_lock.unwrap_or(defaults.wait_for_lock),
            max_rebuild: given.max_rebuild.unwrap_or(defaults.max_rebuild),
        })
    }
}

fn span(option: &'static str, given: Duration) -> Result<Duration, InvalidOption> {
    match given {
        given if given < SHORTEST => Err(InvalidOption::too_short(option, given)),
        given if given > LONGEST => Err(InvalidOption::too_long(option, given)),
        given => Ok(given),
    }
}

fn factor(option: &'static str, given: f64) -> Result<f64, InvalidOption> {
    if given.is_finite() && given >= 0.0 {
        Ok(given)
    } else {
        Err(InvalidOption::not_a_factor(option, given))
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
        assert_eq!(policy(&Overrides::default()).unwrap_err(), InvalidOption::missing("ttl"));
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
    fn the_nearest_setting_decides() {
        let near = Overrides { lock_timeout: Some(Duration::from_secs(9)), ..ttl(SHORTEST) };
        let policy = policy(&near).unwrap();
        assert_eq!(policy.lock_timeout, Duration::from_secs(9));
        assert_eq!(policy.wait_for_lock, Duration::from_secs(5));
    }
}
