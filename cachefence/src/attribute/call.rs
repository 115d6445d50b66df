//! One call of an annotated function.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::CacheFence;
use crate::entry::Entry;
use crate::error::Error;
use crate::key::KeyWriter;
use crate::report;
use crate::share::Share;

/// The entry that a call is about, before the type of its value is known.
#[derive(Debug)]
#[must_use]
pub struct Call {
    entry: Entry<()>,
    template: &'static str,
}

impl Call {
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

    /// The companion's result.
    pub fn into_entry<T>(self) -> Entry<T> {
        self.entry.cast()
    }

    /// Serves the call. A key or an option that cannot be used costs it the cache, not the result;
    /// so does a body that calls itself with the same key.
    pub(super) async fn run<T, E, S>(
        self,
        mut body: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        let (key, policy) = match (self.entry.checked_key(), self.entry.policy()) {
            (Ok(key), Ok(policy)) => (key, policy),
            (Err(error), _) => {
                report::not_cached(self.template, &error);
                return body.await;
            }
            (_, Err(error)) => {
                report::not_cached(self.template, &error);
                return body.await;
            }
        };
        // The body may be awaited below, and nothing that is not `Send` be kept meanwhile.
        let engine = self.entry.engine();
        if let Ok(result) = engine.fetch::<T, E, S>(key, &policy, body.as_mut()).await {
            return result;
        }
        report::not_cached(self.template, &Error::<Infallible>::Recursive);
        body.await
    }
}
