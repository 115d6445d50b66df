//! One key of one cache.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::CacheFence;
use crate::error::{Error, InvalidOption};
use crate::options::{self, Policy};
use crate::share::{ByClone, DecodeEach};
use crate::store::NewValue;
use crate::terms::{Terms, made};

/// One key of one cache, holding a `T`.
///
/// It comes from [`CacheFence::entry`], where `T` is whatever the value turns out to be, and from
/// the `<name>_entry` companion of an annotated function, where key, ttl and `T` are the
/// function's own: so reads and invalidations share one template.
///
/// # Examples
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachefence::{CacheFence, cachefence};
///
/// #[cachefence(key = "greeting:<name>", ttl = 60)]
/// async fn greeting(name: &str) -> String {
///     format!("hello {name}")
/// }
///
/// greeting("ann").await;
/// assert_eq!(greeting_entry("ann").peek().await?, Some("hello ann".to_owned()));
/// greeting_entry("ann").invalidate().await?;
/// assert_eq!(greeting_entry("ann").peek().await?, None);
/// # Ok(()) }
/// ```
#[must_use = "an entry does nothing until one of its methods is called"]
pub struct Entry<T> {
    cache: CacheFence,
    terms: Terms<T>,
}

impl<T> Entry<T> {
    pub(crate) fn new(cache: CacheFence, terms: Terms<T>) -> Self {
        Self { cache, terms }
    }

    /// How long a value is valid once it is stored. Needed wherever one may be stored; between
    /// 1 ms and 2^53 ms.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.terms.lifetime.ttl = Some(ttl);
        self
    }

    /// The ttl of each value, by the value itself; it goes before [`ttl`](Self::ttl).
    ///
    /// A value whose ttl is zero is served and not cached. So is, with a warning, one whose ttl is not
    /// between 1 ms and 2^53 ms.
    pub fn ttl_of(mut self, ttl_of: fn(&T) -> Duration) -> Self {
        self.terms.lifetime.ttl_of = Some(ttl_of);
        self
    }

    /// The ttl of a `None`; it goes before [`ttl`](Self::ttl) and [`ttl_of`](Self::ttl_of), with the
    /// same bounds as the latter.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self
    where
        T: Negative,
    {
        self.terms.lifetime.negative = Some((T::is_negative, ttl));
        self
    }

    /// [`Builder::beta`](crate::Builder::beta), for this entry.
    pub fn beta(mut self, beta: f64) -> Self {
        self.policy().beta = beta;
        self
    }

    /// [`Builder::lock_timeout`](crate::Builder::lock_timeout), for this entry.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.policy().lock_timeout = timeout;
        self
    }

    /// [`Builder::wait_for_lock`](crate::Builder::wait_for_lock), for this entry.
    pub fn wait_for_lock(mut self, longest: Duration) -> Self {
        self.policy().wait_for_lock = longest;
        self
    }

    /// [`Builder::stale_while_revalidate`](crate::Builder::stale_while_revalidate), for this entry.
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.policy().stale.while_revalidate = window;
        self
    }

    /// [`Builder::stale_if_error`](crate::Builder::stale_if_error), for this entry.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.policy().stale.if_error = window;
        self
    }

    /// [`Builder::recompute_timeout`](crate::Builder::recompute_timeout), for this entry.
    pub fn recompute_timeout(mut self, limit: Duration) -> Self {
        self.policy().recompute_timeout = Some(limit);
        self
    }

    /// [`Builder::jitter`](crate::Builder::jitter), for this entry.
    pub fn jitter(mut self, share: f64) -> Self {
        self.policy().jitter = share;
        self
    }

    /// The key as the store holds it, namespace included. Of a key of more than
    /// [`MAX_WHOLE_KEY_BYTES`](crate::MAX_WHOLE_KEY_BYTES), the end is replaced by the SHA-256 of the
    /// whole.
    pub fn key(&self) -> &str {
        self.terms.key().as_str()
    }

    /// Returns the value, running `recompute` if there is none; see [`CacheFence::get_or_set`].
    ///
    /// # Errors
    ///
    /// As [`CacheFence::get_or_set`]; also [`Error::Option`] if no ttl was given.
    ///
    /// # Cancel safety
    ///
    /// As [`CacheFence::get_or_set`].
    pub fn get_or_set<E, F, Fut>(self, recompute: F) -> impl Future<Output = Result<T, Error<E>>>
    where
        T: Serialize + DeserializeOwned,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.terms.get_or_set(self.cache, recompute)
    }

    /// As [`get_or_set`](Self::get_or_set), except that a caller that holds a value which can be
    /// served never runs `recompute` itself: a task does, and so that caller neither waits nor fails.
    ///
    /// That is the early refresh of a value that is still valid, and the rebuild of one within
    /// [`stale_while_revalidate`](Self::stale_while_revalidate). Within
    /// [`stale_if_error`](Self::stale_if_error) only, the caller waits for the task, no longer than
    /// [`recompute_timeout`](Self::recompute_timeout). Up to 256 such tasks of a cache run at a time;
    /// beyond that the value is served, and a later call refreshes it.
    ///
    /// # Errors
    ///
    /// As [`get_or_set`](Self::get_or_set).
    ///
    /// # Panics
    ///
    /// A panic of a `recompute` that runs in a task ends the task; nobody is told but the panic hook.
    ///
    /// # Cancel safety
    ///
    /// As [`CacheFence::get_or_set`]; what runs in a task goes on.
    pub async fn get_or_set_in_background<E, F, Fut>(self, recompute: F) -> Result<T, Error<E>>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let lifetime = self.terms.lifetime;
        let recompute = async move { made(&lifetime, recompute().await) };
        let key = self.terms.checked_key()?;
        let policy = self.terms.checked_policy(&self.cache)?;
        let engine = self.cache.engine();
        match engine
            .fetch_in_background::<T, Arc<E>, (DecodeEach, ByClone), _>(key, policy, recompute)
            .await
        {
            Ok(result) => result.map_err(Error::Recompute),
            Err(_not_run) => Err(Error::Recursive),
        }
    }

    /// The value, if there is one that is valid; runs nothing.
    ///
    /// An entry that holds something else than a `T` counts as empty.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] for a key that cannot be used, [`Error::Store`] if the store cannot be read.
    pub async fn peek(&self) -> Result<Option<T>, Error>
    where
        T: DeserializeOwned,
    {
        Ok(self.cache.engine().peek(self.terms.checked_key()?).await?)
    }

    /// Stores `value` for the ttl, whatever is there, and voids every rebuild that is under way:
    /// what it recomputes was read before.
    ///
    /// The value carries no recompute time, so it is not refreshed before it expires. It is stored
    /// whenever it was read: a value that was read before an invalidation and set after it undoes
    /// that. Where that can happen, [`invalidate`](Self::invalidate) instead.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] and [`Error::Option`] for a key or a ttl that cannot be used,
    /// [`Error::Encode`] if the codec cannot represent the value. [`Error::Store`] if the store could
    /// not be reached or others kept changing the entry: nobody knows then whether the value was
    /// stored, but it will not replace anything that is set or undo an invalidation after this.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returned, it may or may not have stored the value.
    pub async fn set(&self, value: &T) -> Result<(), Error>
    where
        T: Serialize,
    {
        let key = self.terms.checked_key()?;
        let policy = self.terms.checked_policy(&self.cache)?;
        let engine = self.cache.engine();
        let payload = Bytes::from(engine.codec().encode(value).map_err(Error::Encode)?);
        if payload.len() > policy.max_value_bytes {
            return Err(Error::Encode("it is larger than `max_value_bytes`".into()));
        }
        let ttl = self.terms.lifetime.of(value).ok_or_else(|| InvalidOption::missing("ttl"))?;
        options::span("ttl", ttl)?;
        let stale = policy.stale.longest();
        let value = NewValue { payload, delta: Duration::ZERO, ttl, stale };
        Ok(engine.set(key, policy, value).await?)
    }

    /// Removes the entry, later if need be; see [`CacheFence::invalidate_eventually`].
    ///
    /// # Errors
    ///
    /// As [`CacheFence::invalidate_eventually`].
    pub async fn invalidate_eventually(&self) -> Result<bool, Error> {
        Ok(self.cache.engine().invalidate_eventually(self.terms.checked_key()?).await?)
    }

    /// Removes the entry; see [`CacheFence::invalidate`].
    ///
    /// # Errors
    ///
    /// As [`CacheFence::invalidate`].
    pub async fn invalidate(&self) -> Result<(), Error> {
        Ok(self.cache.engine().invalidate(self.terms.checked_key()?).await?)
    }

    /// The options to change.
    fn policy(&mut self) -> &mut Policy {
        self.terms.policy_of_its_own(&self.cache)
    }
}

/// A type one of whose values says that there is nothing.
#[diagnostic::on_unimplemented(
    message = "`negative_ttl` is the ttl of a `None`, and `{Self}` has none",
    label = "a function with `negative_ttl` returns `Option<T>` or `Result<Option<T>, E>`"
)]
pub trait Negative {
    /// Whether this is that value.
    fn is_negative(&self) -> bool;
}

impl<T> Negative for Option<T> {
    fn is_negative(&self) -> bool {
        self.is_none()
    }
}

impl<T> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", self.terms.key()).finish_non_exhaustive()
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), terms: self.terms.clone() }
    }
}
