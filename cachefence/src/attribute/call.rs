//! One call of an annotated function.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounds;
use crate::cache::CacheFence;
use crate::entry::Entry;
use crate::fetch::Convert;
use crate::fetch::{BoxedBody, Fetch};
use crate::installed::DefaultCache;
use crate::key::KeyWriter;
use crate::lifetime::{Lifetime, Negative};
use crate::options::Policy;
use crate::request::Request;
use crate::scope;
use crate::setters::{lifetime_setters, policy_setters};
use crate::share::{KeepError, Share};

/// The request of a call, and the cache that it names: a `CacheFence`, or the default one, which saves the call a
/// clone of the handle.
#[derive(Debug)]
#[must_use]
pub struct Call<T, C> {
    cache: C,
    request: Request<T>,
}

impl<T> Call<T, DefaultCache> {
    /// The call whose key is `key`, in the default cache: that of the scope, or the one that is installed.
    #[inline]
    pub fn installed(key: KeyWriter) -> Self {
        let (cache, scope) = (DefaultCache, scope::current());
        let prefix = scope.as_ref().unwrap_or_else(|| cache.borrow()).prefix();
        let key = key.finish(prefix);
        Self { cache, request: Request::in_scope(key, scope) }
    }
}

impl<T, C: Borrow<CacheFence>> Call<T, C> {
    /// The call whose key is `key`, in `cache`.
    #[inline]
    pub fn new(cache: C, key: KeyWriter) -> Self {
        let request = Request::new(key.finish(cache.borrow().prefix()));
        Self { cache, request }
    }

    fn cache(&self) -> &CacheFence {
        self.request.scope().unwrap_or_else(|| self.cache.borrow())
    }

    lifetime_setters!();
    policy_setters!();

    /// The companion's result.
    pub fn into_entry(self) -> Entry<T> {
        Entry::new(self.cache().clone(), self.request)
    }

    /// Serves the call. If the key or an option cannot be used, or if the body calls itself with the same
    /// key, the body runs without the cache.
    pub(super) fn run<K, E, S, B, F>(&self, share: S, body: B) -> impl Future<Output = K::Output>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
        K: Convert<T, E>,
        B: FnOnce() -> F,
        F: Future<Output = K::Returned>,
    {
        let cache = self.cache();
        let policy = self.usable_policy(cache);
        self.fetch::<K, E, S, B, F>(cache, policy, share, body).fetch(policy.is_some())
    }

    /// As [`run`](Self::run), with loads in tasks of their own. `body` is called where this call is to lead one, and
    /// makes the copies that the load needs.
    pub(super) fn run_detached<'a, K, E, S, F>(
        &'a self,
        share: S,
        body: impl FnOnce() -> F + Send + 'a,
    ) -> impl Future<Output = K::Output>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        S: Share<T, E> + KeepError<E, Kept = E>,
        K: Convert<T, E>,
        F: Future<Output = K::Returned> + Send + 'static,
    {
        let cache = self.cache();
        let policy = self.usable_policy(cache);
        let body: BoxedBody<'_, F> = Box::new(body);
        self.fetch::<K, E, S, _, F>(cache, policy, share, body).fetch_detached(policy.is_some())
    }

    /// The call's options. `None`, which is reported, if the options or the key cannot be used.
    fn usable_policy<'a>(&'a self, cache: &'a CacheFence) -> Option<&'a Policy> {
        let checked = self.request.checked::<Infallible>(cache);
        checked.map_err(|error| self.not_cached(cache, &error)).ok()
    }

    /// The call as the engine serves it.
    fn fetch<'a, K, E, S, B, F>(
        &'a self,
        cache: &'a CacheFence,
        policy: Option<&'a Policy>,
        share: S,
        body: B,
    ) -> Fetch<'a, T, E, S, K, B, F> {
        let policy = policy.unwrap_or(cache.policy());
        Fetch::new(cache, &self.request, policy, share, body)
    }

    fn not_cached(&self, cache: &CacheFence, error: &(dyn std::error::Error + 'static)) {
        cache.engine().observers.unusable_call(self.request.key(), error);
    }

    fn lifetime_mut(&mut self) -> &mut Lifetime<T> {
        &mut self.request.lifetime
    }

    fn policy_mut(&mut self) -> &mut Policy {
        self.request.policy_mut(&self.cache)
    }

    #[inline]
    fn within_bounds(mut self, is_within: bool) -> Self {
        if !is_within {
            self.request.out_of_bounds();
        }
        self
    }
}
