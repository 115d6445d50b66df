//! One key of one cache.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::CacheFence;
use crate::engine::{Engine, Recursive};
use crate::error::{Error, InvalidKey, InvalidOption};
use crate::key::Key;
use crate::options::{Overrides, Policy};
use crate::share::ByClone;
use crate::store::NewValue;

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
    key: Key,
    valid: Result<(), InvalidKey>,
    options: Overrides,
    value: PhantomData<fn() -> T>,
}

impl<T> Entry<T> {
    pub(crate) fn new(cache: CacheFence, (key, valid): (Key, Result<(), InvalidKey>)) -> Self {
        Self { cache, key, valid, options: Overrides::default(), value: PhantomData }
    }

    /// How long a value is valid once it is stored. Needed wherever one may be stored; between
    /// 1 ms and 2^53 ms.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.options.ttl = Some(ttl);
        self
    }

    /// [`Builder::beta`](crate::Builder::beta), for this entry.
    pub fn beta(mut self, beta: f64) -> Self {
        self.options.beta = Some(beta);
        self
    }

    /// [`Builder::lock_timeout`](crate::Builder::lock_timeout), for this entry.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = Some(timeout);
        self
    }

    /// [`Builder::wait_for_lock`](crate::Builder::wait_for_lock), for this entry.
    pub fn wait_for_lock(mut self, longest: Duration) -> Self {
        self.options.wait_for_lock = Some(longest);
        self
    }

    /// The key as the store holds it, namespace included.
    pub fn key(&self) -> &str {
        self.key.as_str()
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
    pub async fn get_or_set<E, F, Fut>(self, recompute: F) -> Result<T, Error<E>>
    where
        T: Serialize + DeserializeOwned,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        // Every caller of a flight gets the same `Arc`.
        let recompute = pin!(async { recompute().await.map_err(Arc::new) });
        let (key, policy) = (self.checked_key()?, self.policy()?);
        let engine = self.cache.engine();
        match engine.fetch::<T, Arc<E>, ByClone>(key, &policy, recompute).await {
            Ok(result) => result.map_err(Error::Recompute),
            Err(Recursive) => Err(Error::Recursive),
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
        Ok(self.cache.engine().peek(self.checked_key()?).await?)
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
        let key = self.checked_key()?;
        let policy = self.policy()?;
        let engine = self.cache.engine();
        let payload = engine.codec().encode(value).map_err(Error::Encode)?.into();
        let value = NewValue { payload, delta: Duration::ZERO, ttl: policy.ttl };
        Ok(engine.set(key, &policy, value).await?)
    }

    /// Removes the entry; see [`CacheFence::invalidate`].
    ///
    /// # Errors
    ///
    /// As [`CacheFence::invalidate`].
    pub async fn invalidate(&self) -> Result<(), Error> {
        Ok(self.cache.engine().invalidate(self.checked_key()?).await?)
    }

    /// The same entry, for values of another type.
    pub(crate) fn cast<U>(self) -> Entry<U> {
        let Self { cache, key, valid, options, value: _ } = self;
        Entry { cache, key, valid, options, value: PhantomData }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.cache.engine()
    }

    pub(crate) fn checked_key(&self) -> Result<&Key, InvalidKey> {
        self.valid.clone().map(|()| &self.key)
    }

    pub(crate) fn policy(&self) -> Result<Policy, InvalidOption> {
        Policy::new(self.cache.defaults(), &self.options)
    }
}

impl<T> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            key: self.key.clone(),
            valid: self.valid.clone(),
            options: self.options,
            value: PhantomData,
        }
    }
}
