//! Requests: the key of a call, and its options.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::CacheFence;
use crate::error::{Error, InvalidKey, InvalidOption};
use crate::fetch::Fetch;
use crate::key::Key;
use crate::lifetime::Lifetime;
use crate::options::Policy;
use crate::share::{ByClone, DecodeEach};

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
}

impl<T> Request<T> {
    pub(crate) fn new((key, valid): (Key, Result<(), InvalidKey>)) -> Self {
        let invalid = |error| Box::new(Overrides { invalid: Some(error), policy: None });
        Self { key, overrides: valid.err().map(invalid), lifetime: Lifetime::default() }
    }

    /// The options of this request, to be changed: those of `cache`, until they are. Nothing is
    /// checked yet.
    pub(crate) fn policy_mut(&mut self, cache: &CacheFence) -> &mut Policy {
        self.overrides.get_or_insert_default().policy.get_or_insert(*cache.policy())
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

    /// The options of a call that may store a value, if they are within bounds.
    pub(crate) fn checked_policy<'a>(
        &'a self,
        cache: &'a CacheFence,
    ) -> Result<&'a Policy, InvalidOption> {
        self.lifetime.check()?;
        match self.overrides.as_ref().and_then(|overrides| overrides.policy.as_ref()) {
            None => Ok(cache.policy()),
            Some(policy) => policy.check().map(|()| policy),
        }
    }

    /// Serves one call, from `cache` or by `recompute`.
    pub(crate) fn get_or_set<C, E, F, Fut>(
        self,
        cache: C,
        recompute: F,
    ) -> impl Future<Output = Result<T, Error<E>>>
    where
        C: Borrow<CacheFence>,
        T: Serialize + DeserializeOwned,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        // A block in place of an `async fn`, whose future would hold its arguments twice.
        async move {
            let cache = cache.borrow();
            let (key, policy) = (self.checked_key()?, self.checked_policy(cache)?);
            let fetch = Fetch::<T, Arc<E>, (DecodeEach, ByClone), _, _, _>::new(
                cache.engine(),
                (key, policy),
                &self.lifetime,
                shared,
                recompute,
            );
            match fetch.fetch().await {
                Ok(result) => result.map_err(Error::Recompute),
                Err(_not_run) => Err(Error::Recursive),
            }
        }
    }
}

/// A result whose error can be shared by every caller of a flight.
pub(crate) fn shared<T, E>(result: Result<T, E>) -> Result<T, Arc<E>> {
    result.map_err(Arc::new)
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
