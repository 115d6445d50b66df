//! One call of an annotated function.

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

/// The entry that a call is about.
#[derive(Debug)]
#[must_use]
pub struct Call<T> {
    entry: Entry<T>,
    template: &'static str,
}

impl<T> Call<T> {
    /// The call whose key is `key`, in `cache`.
    pub fn new(cache: CacheFence, key: KeyWriter) -> Self {
        let template = key.template();
        Self { entry: cache.into_entry(key), template }
    }

    /// The option of this name.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.entry = self.entry.ttl(ttl);
        self
    }

    /// The option of this name.
    pub fn beta(mut self, beta: f64) -> Self {
        self.entry = self.entry.beta(beta);
        self
    }

    /// The option of this name.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.entry = self.entry.lock_timeout(timeout);
        self
    }

    /// The option of this name.
    pub fn wait_for_lock(mut self, longest: Duration) -> Self {
        self.entry = self.entry.wait_for_lock(longest);
        self
    }

    /// The option of this name.
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.entry = self.entry.stale_while_revalidate(window);
        self
    }

    /// The option of this name.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.entry = self.entry.stale_if_error(window);
        self
    }

    /// The option of this name.
    pub fn recompute_timeout(mut self, limit: Duration) -> Self {
        self.entry = self.entry.recompute_timeout(limit);
        self
    }

    /// The option of this name.
    pub fn jitter(mut self, share: f64) -> Self {
        self.entry = self.entry.jitter(share);
        self
    }

    /// The option of this name.
    pub fn ttl_of(mut self, ttl_of: fn(&T) -> Duration) -> Self {
        self.entry = self.entry.ttl_of(ttl_of);
        self
    }

    /// The option of this name.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self
    where
        T: Negative,
    {
        self.entry = self.entry.negative_ttl(ttl);
        self
    }

    /// The companion's result.
    pub fn into_entry(self) -> Entry<T> {
        self.entry
    }

    /// Serves the call. A key or an option that cannot be used costs it the cache, not the result;
    /// so does a body that calls itself with the same key.
    ///
    /// Not an `async fn`, which would hold its arguments twice.
    pub(super) fn run<E, S>(
        self,
        mut body: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> impl Future<Output = Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        async move {
            let Some((key, policy)) = self.usable() else { return body.await };
            let (engine, lifetime) = (self.entry.engine(), self.entry.lifetime());
            // The body may be awaited below, and nothing that is not `Send` be kept meanwhile.
            {
                let body = body.as_mut();
                let recompute = pin!(async { body.await.map(|value| lifetime.made(value)) });
                if let Ok(result) = engine.fetch::<T, E, S>(key, &policy, recompute).await {
                    return result;
                }
            }
            report::not_cached(self.template, &Error::<Infallible>::Recursive);
            body.await
        }
    }

    /// As [`run`](Self::run), with refreshes in tasks of their own.
    pub(super) async fn run_in_background<E, S, F>(self, body: F) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        S: Share<E, Kept = E>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let Some((key, policy)) = self.usable() else { return body.await };
        let (engine, lifetime) = (self.entry.engine(), self.entry.lifetime());
        let recompute = async move { body.await.map(|value| lifetime.made(value)) };
        match engine.fetch_in_background::<T, E, S, _>(key, &policy, recompute).await {
            Ok(result) => result,
            Err(recompute) => {
                report::not_cached(self.template, &Error::<Infallible>::Recursive);
                recompute.await.map(|made| made.value)
            }
        }
    }

    /// What the engine needs, unless that cannot be used.
    fn usable(&self) -> Option<(&Key, Policy)> {
        match (self.entry.checked_key(), self.entry.policy()) {
            (Ok(key), Ok(policy)) => return Some((key, policy)),
            (Err(error), _) => report::not_cached(self.template, &error),
            (_, Err(error)) => report::not_cached(self.template, &error),
        }
        None
    }
}
