//! One call of an annotated function.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::CacheFence;
use crate::entry::{Entry, Negative};
use crate::error::Error;
use crate::key::{Key, KeyWriter};
use crate::options::Policy;
use crate::report;
use crate::share::Share;
use crate::terms::Terms;

/// What a call asks for, and of which cache: a `CacheFence`, or a reference to one that lives long
/// enough, which spares the call counting one more user of the cache.
#[derive(Debug)]
#[must_use]
pub struct Call<T, C> {
    cache: C,
    terms: Terms<T>,
}

impl<T, C: Borrow<CacheFence>> Call<T, C> {
    /// The call whose key is `key`, in `cache`.
    pub fn new(cache: C, key: KeyWriter) -> Self {
        let terms = cache.borrow().terms_of(key);
        Self { cache, terms }
    }

    /// The option of this name.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.terms.lifetime.ttl = Some(ttl);
        self
    }

    /// The option of this name.
    pub fn beta(mut self, beta: f64) -> Self {
        self.policy().beta = beta;
        self
    }

    /// The option of this name.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.policy().lock_timeout = timeout;
        self
    }

    /// The option of this name.
    pub fn wait_for_lock(mut self, longest: Duration) -> Self {
        self.policy().wait_for_lock = longest;
        self
    }

    /// The option of this name.
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.policy().stale.while_revalidate = window;
        self
    }

    /// The option of this name.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.policy().stale.if_error = window;
        self
    }

    /// The option of this name.
    pub fn recompute_timeout(mut self, limit: Duration) -> Self {
        self.policy().recompute_timeout = Some(limit);
        self
    }

    /// The option of this name.
    pub fn jitter(mut self, share: f64) -> Self {
        self.policy().jitter = share;
        self
    }

    /// The option of this name.
    pub fn ttl_of(mut self, ttl_of: fn(&T) -> Duration) -> Self {
        self.terms.lifetime.ttl_of = Some(ttl_of);
        self
    }

    /// The option of this name.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self
    where
        T: Negative,
    {
        self.terms.lifetime.negative = Some((T::is_negative, ttl));
        self
    }

    /// The companion's result.
    pub fn into_entry(self) -> Entry<T> {
        Entry::new(self.cache.borrow().clone(), self.terms)
    }

    /// Serves the call. A key or an option that cannot be used costs it the cache, not the result;
    /// so does a body that calls itself with the same key.
    ///
    /// Not an `async fn`, which would hold its arguments twice.
    pub(super) fn run<E, S>(
        &self,
        mut body: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> impl Future<Output = Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
    {
        async move {
            let Some((key, policy)) = self.usable() else { return body.await };
            // The body may be awaited below, and nothing that is not `Send` be kept meanwhile.
            {
                let (engine, lifetime) = (self.cache.borrow().engine(), &self.terms.lifetime);
                let body = body.as_mut();
                let recompute = pin!(async { body.await.map(|value| lifetime.made(value)) });
                if let Ok(result) = engine.fetch::<T, E, S>(key, policy, recompute).await {
                    return result;
                }
            }
            self.not_cached(&Error::<Infallible>::Recursive);
            body.await
        }
    }

    /// As [`run`](Self::run), with refreshes in tasks of their own.
    pub(super) async fn run_in_background<E, S, F>(self, body: F) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        S: Share<T, E, Kept = E>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let Some((key, policy)) = self.usable() else { return body.await };
        let (engine, lifetime) = (self.cache.borrow().engine(), self.terms.lifetime);
        let recompute = async move { body.await.map(|value| lifetime.made(value)) };
        match engine.fetch_in_background::<T, E, S, _>(key, policy, recompute).await {
            Ok(result) => result,
            Err(recompute) => {
                self.not_cached(&Error::<Infallible>::Recursive);
                recompute.await.map(|made| made.value)
            }
        }
    }

    /// What the engine needs, unless that cannot be used.
    fn usable(&self) -> Option<(&Key, &Policy)> {
        let policy = self.terms.checked_policy(self.cache.borrow());
        match (self.terms.checked_key(), policy) {
            (Ok(key), Ok(policy)) => return Some((key, policy)),
            (Err(error), _) => self.not_cached(&error),
            (_, Err(error)) => self.not_cached(&error),
        }
        None
    }

    fn not_cached(&self, error: &(dyn std::error::Error + 'static)) {
        let template = self.terms.key().template();
        report::not_cached(template.unwrap_or_default(), error);
    }

    /// The options to change.
    fn policy(&mut self) -> &mut Policy {
        self.terms.policy_of_its_own(self.cache.borrow())
    }
}
