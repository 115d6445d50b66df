//! One call of an annotated function.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::CacheFence;
use crate::entry::Entry;
use crate::error::Error;
use crate::fetch::{BoxedBody, Fetch, IntoResult};
use crate::key::KeyWriter;
use crate::lifetime::{Lifetime, Negative};
use crate::observe::BypassReason;
use crate::options::Policy;
use crate::request::Request;
use crate::setters::{lifetime_setters, policy_setters};
use crate::share::{KeepError, Share};

/// The request of a call, and its cache: a `CacheFence`, or a reference to one that lives long enough,
/// which saves the call a clone of the handle.
#[derive(Debug)]
#[must_use]
pub struct Call<T, C> {
    cache: C,
    request: Request<T>,
}

/// Turns what a function returns into a result, and back; and how that is shared.
pub(super) type Conversion<R, T, E, S> = (IntoResult<R, T, E>, fn(Result<T, E>) -> R, S);

impl<T, C: Borrow<CacheFence>> Call<T, C> {
    /// The call whose key is `key`, in `cache`.
    #[inline]
    pub fn new(cache: C, key: KeyWriter) -> Self {
        let request = Request::new(key.finish(cache.borrow().prefix()));
        Self { cache, request }
    }

    lifetime_setters!();
    policy_setters!();

    /// The companion's result.
    pub fn into_entry(self) -> Entry<T> {
        Entry::new(self.cache.borrow().clone(), self.request)
    }

    /// Serves the call. If the key or an option cannot be used, or if the body calls itself with the same
    /// key, the body runs without the cache.
    ///
    /// This is no `async fn`, because its future would hold its arguments twice.
    pub(super) fn run<E, S, R, B, F>(
        self,
        (into_result, from_result, share): Conversion<R, T, E, S>,
        body: B,
    ) -> impl Future<Output = R>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
        B: FnOnce() -> F,
        F: Future<Output = R>,
    {
        async move {
            let policy = self.usable_policy();
            let fetch = self.fetch::<E, S, R, B, F>(policy, (into_result, share), body);
            let (uncached, reason) = match policy {
                None => (fetch, BypassReason::NotUsable),
                Some(_) => match fetch.fetch().await {
                    Ok(result) => return from_result(result),
                    Err(fetch) => self.recursive(fetch),
                },
            };
            // Boxed, because this is rare, and a call should not carry it.
            from_result(Box::pin(uncached.run_uncached(reason)).await)
        }
    }

    /// As [`run`](Self::run), with loads in tasks of their own. `body` is called where this call is to lead one, and
    /// makes the copies that the load needs.
    pub(super) fn run_detached<E, S, R, F>(
        self,
        (into_result, from_result, share): Conversion<R, T, E, S>,
        body: impl FnOnce() -> F + Send,
    ) -> impl Future<Output = R>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        R: 'static,
        S: Share<T, E> + KeepError<E, Kept = E>,
        F: Future<Output = R> + Send + 'static,
    {
        async move {
            let policy = self.usable_policy();
            let body: BoxedBody<'_, F> = Box::new(body);
            let fetch = self.fetch::<E, S, R, _, F>(policy, (into_result, share), body);
            let (uncached, reason) = match policy {
                None => (fetch, BypassReason::NotUsable),
                Some(_) => match fetch.fetch_detached().await {
                    Ok(result) => return from_result(result),
                    Err(fetch) => self.recursive(fetch),
                },
            };
            from_result(Box::pin(uncached.run_uncached(reason)).await)
        }
    }

    /// The call's options. `None`, which is reported, if the options or the key cannot be used.
    fn usable_policy(&self) -> Option<&Policy> {
        let checked = self.request.checked::<Infallible>(self.cache.borrow());
        checked.map_err(|error| self.not_cached(&error)).ok()
    }

    /// The call as the engine serves it.
    fn fetch<'a, E, S, R, B, F>(
        &'a self,
        policy: Option<&'a Policy>,
        sharing: (IntoResult<R, T, E>, S),
        body: B,
    ) -> Fetch<'a, T, E, S, R, B, F> {
        let cache = self.cache.borrow();
        let policy = policy.unwrap_or(cache.policy());
        Fetch::new(cache, &self.request, policy, sharing, body)
    }

    /// Tells of a call that is made from inside its own load.
    fn recursive<F>(&self, fetch: F) -> (F, BypassReason) {
        self.not_cached(&Error::<Infallible>::Recursive);
        (fetch, BypassReason::Recursive)
    }

    fn not_cached(&self, error: &(dyn std::error::Error + 'static)) {
        self.cache.borrow().engine().observers.unusable_call(self.request.key(), error);
    }

    fn lifetime_mut(&mut self) -> &mut Lifetime<T> {
        &mut self.request.lifetime
    }

    fn policy_mut(&mut self) -> &mut Policy {
        self.request.policy_mut(self.cache.borrow())
    }
}
