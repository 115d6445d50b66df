//! Requests: the key of a call, and its options.

use std::borrow::Borrow;
use std::fmt;

use crate::cache::CacheFence;
use crate::error::{Error, InvalidKey, InvalidOption};
use crate::key::Key;
use crate::lifetime::Lifetime;
use crate::options::Policy;

/// The key and the options of one entry. Every call that waits holds a request, so what few requests
/// have is boxed.
pub(crate) struct Request<T> {
    key: Key,
    overrides: Option<Box<Overrides>>,
    pub(crate) lifetime: Lifetime<T>,
}

/// What few requests have.
#[derive(Clone, Default)]
struct Overrides {
    /// Why the key cannot be used.
    invalid: Option<InvalidKey>,
    /// The options in place of the cache's own.
    policy: Option<Policy>,
    /// Whether an option was set out of its bounds. It may have been set again since.
    is_suspect: bool,
    /// The cache of the scope that the request is made in, in place of the one that is installed.
    scope: Option<CacheFence>,
}

/// What is the same whatever the type of the values, and so is compiled once.
impl Overrides {
    /// Those of a new request.
    #[cold]
    fn new(invalid: Option<InvalidKey>, scope: Option<CacheFence>) -> Box<Self> {
        Box::new(Self { invalid, scope, ..Self::default() })
    }

    fn policy_mut<'a>(
        overrides: &'a mut Option<Box<Self>>,
        named: &dyn Borrow<CacheFence>,
    ) -> &'a mut Policy {
        let Self { policy, scope, .. } = &mut **overrides.get_or_insert_default();
        policy.get_or_insert_with(|| *scope.as_ref().unwrap_or_else(|| named.borrow()).policy())
    }

    #[cold]
    fn suspect(overrides: &mut Option<Box<Self>>) {
        overrides.get_or_insert_default().is_suspect = true;
    }
}

impl<T> Request<T> {
    pub(crate) fn new(key: (Key, Result<(), InvalidKey>)) -> Self {
        Self::in_scope(key, None)
    }

    /// A request that is made in the scope of a cache, if there is one.
    #[inline]
    pub(crate) fn in_scope(
        (key, valid): (Key, Result<(), InvalidKey>),
        scope: Option<CacheFence>,
    ) -> Self {
        let overrides = match (valid, scope) {
            (Ok(()), None) => None,
            (valid, scope) => Some(Overrides::new(valid.err(), scope)),
        };
        Self { key, overrides, lifetime: Lifetime::default() }
    }

    /// The options of this request, to be changed: those of the scope's cache or of the `named` one, until they are.
    /// Nothing is checked yet.
    pub(crate) fn policy_mut(&mut self, named: &dyn Borrow<CacheFence>) -> &mut Policy {
        Overrides::policy_mut(&mut self.overrides, named)
    }

    /// Notes that an option was set out of its bounds, so that all are checked before the options are used.
    #[inline]
    pub(crate) fn out_of_bounds(&mut self) {
        Overrides::suspect(&mut self.overrides);
    }

    /// The cache of the scope that the request is made in, in place of the one that is installed.
    #[inline]
    pub(crate) fn scope(&self) -> Option<&CacheFence> {
        self.overrides.as_ref()?.scope.as_ref()
    }

    /// The options of this request; nothing is checked.
    pub(crate) fn policy<'a>(&'a self, cache: &'a CacheFence) -> &'a Policy {
        let given = self.overrides.as_ref().and_then(|overrides| overrides.policy.as_ref());
        given.unwrap_or(cache.policy())
    }

    pub(crate) fn into_checked_key(self) -> Result<Key, InvalidKey> {
        match self.overrides.and_then(|overrides| overrides.invalid) {
            None => Ok(self.key),
            Some(error) => Err(error),
        }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn checked_key(&self) -> Result<&Key, InvalidKey> {
        match self.overrides.as_ref().and_then(|overrides| overrides.invalid.as_ref()) {
            None => Ok(&self.key),
            Some(error) => Err(error.clone()),
        }
    }

    /// The options of a call that may store a value, if they and the key can be used.
    #[inline]
    pub(crate) fn checked<'a, E>(&'a self, cache: &'a CacheFence) -> Result<&'a Policy, Error<E>> {
        // Most requests have no overrides, and this is looked at once.
        if self.overrides.is_none() && self.lifetime.is_usual() {
            return Ok(cache.policy());
        }
        self.checked_key()?;
        Ok(self.checked_policy(cache)?)
    }

    /// The options of a call that may store a value, if they are within bounds.
    pub(crate) fn checked_policy<'a>(
        &'a self,
        cache: &'a CacheFence,
    ) -> Result<&'a Policy, InvalidOption> {
        let (policy, is_suspect) = match &self.overrides {
            None => (cache.policy(), false),
            Some(own) => (own.policy.as_ref().unwrap_or(cache.policy()), own.is_suspect),
        };
        if is_suspect || !self.lifetime.is_usual() {
            let Lifetime { ttl, ttl_of, negative } = self.lifetime;
            policy.check_call(ttl, ttl_of.is_some(), negative.map(|(_, ttl)| ttl))?;
        }
        Ok(policy)
    }
}

impl<T> Clone for Request<T> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), overrides: self.overrides.clone(), lifetime: self.lifetime }
    }
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Every caller that waits holds a request.
    #[test]
    fn a_call_is_small() {
        let cache = CacheFence::in_memory();
        let recompute = || async { Ok::<u8, Error>(1) };
        let call = cache.get_or_set("k", Duration::from_secs(60), recompute);
        assert!(size_of_val(&call) <= 200, "{} bytes", size_of_val(&call));
        assert!(size_of::<Request<u8>>() <= 104, "{} bytes", size_of::<Request<u8>>());
    }
}
