//! The options of a cache, of a function and of a call, with their defaults.

use std::time::Duration;

use crate::bounds;
use crate::error::InvalidOption;

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
    /// Checks the bounds of all options.
    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        bounds::BETA.check(&self.beta)?;
        bounds::JITTER.check(&self.jitter)?;
        bounds::LOCK_TIMEOUT.check(&self.lock_timeout)?;
        bounds::WAIT_FOR_LOCK.check(&self.wait_for_lock)?;
        bounds::LOAD_TIMEOUT.check(&self.load_timeout)?;
        bounds::STALE_WHILE_REVALIDATE.check(&self.stale.while_revalidate)?;
        bounds::STALE_IF_ERROR.check(&self.stale.if_error)?;
        bounds::RETRY_AFTER.check(&self.retry_after)?;
        bounds::MAX_VALUE_BYTES.check(&self.max_value_bytes)?;
        self.recompute_timeout.map_or(Ok(()), |limit| bounds::RECOMPUTE_TIMEOUT.check(&limit))
    }

    /// Checks the bounds of all options of a call, which may have a fixed ttl, a ttl that depends on the value, and one for
    /// values that are negative.
    #[cold]
    pub(crate) fn check_call(
        &self,
        ttl: Option<Duration>,
        has_ttl_of: bool,
        negative_ttl: Option<Duration>,
    ) -> Result<(), InvalidOption> {
        self.check()?;
        let stale = self.stale.longest();
        match ttl {
            Some(ttl) => bounds::TTL.check_with(ttl, stale)?,
            None if has_ttl_of => {}
            None => return Err(InvalidOption::missing("ttl")),
        }
        negative_ttl.map_or(Ok(()), |ttl| bounds::NEGATIVE_TTL.check_with(ttl, stale))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cache_has_by_default_is_within_bounds() {
        assert_eq!(Policy::default().check(), Ok(()));
    }
}
