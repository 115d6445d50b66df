//! One key of one cache.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounds;
use crate::cache::CacheFence;
use crate::engine;
use crate::entry_key::EntryKey;
use crate::error::{Error, InvalidOption};
use crate::fetch::ByHand;
use crate::fetch::{BoxedBody, Fetch};
use crate::inspected::Inspected;
use crate::key::Key;
use crate::lifetime::{Lifetime, Negative};
use crate::options::Policy;
use crate::request::Request;
use crate::setters::{lifetime_setters, policy_setters};
use crate::share::{ByClone, ByTypeInArc, DecodeEach, Sharing};
use crate::store::NewValue;
use crate::verify::compare::Unknown;

/// One key of one cache, holding a `T`.
///
/// An `Entry` comes from [`CacheFence::entry`], where the caller chooses `T`, and from the
/// `<name>_entry` companion of an annotated function, where key, ttl and `T` are the function's own:
/// so reads and invalidations share one template.
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
///
/// An entry has the options of one call. Those that it does not set are the cache's:
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let cache = cachefence::CacheFence::in_memory();
/// use std::time::Duration;
///
/// let [second, minute] = [1, 60].map(Duration::from_secs);
/// let user = cache
///     .entry::<Option<String>>("user:42")
///     .ttl(minute)
///     .negative_ttl(second) // of a `None`
///     .jitter(0.1)
///     .beta(2.0)
///     .stale_while_revalidate(5 * minute)
///     .stale_if_error(60 * minute)
///     .recompute_timeout(second)
///     .lock_timeout(2 * second)
///     .wait_for_lock(5 * second);
/// user.set(&None).await?;
/// assert_eq!(user.peek().await?, Some(None));
///
/// // The ttl that a value decides goes before a fixed one:
/// let seconds = cache.entry::<u64>("seconds").ttl(minute).ttl_of(|value| Duration::from_secs(*value));
/// seconds.set(&1).await?;
/// # Ok(()) }
/// ```
#[must_use = "an entry does nothing until one of its methods is called"]
pub struct Entry<T> {
    cache: CacheFence,
    request: Request<T>,
}

impl CacheFence {
    /// Returns the value of `key`, running `recompute` if there is none.
    ///
    /// A value that is found is valid for `ttl` from when it was stored. Of the callers that miss at
    /// the same time, in all processes, one runs its `recompute` and the others are given what it
    /// returned; mostly none of them has to wait, because one reader refreshes the value shortly
    /// before it expires.
    ///
    /// `recompute` runs in the caller's task, at most once. If it is synchronous, pass
    /// `|| async { f() }`, or [`blocking(f)`](crate::blocking) if it blocks its thread.
    ///
    /// # Errors
    ///
    /// - [`Error::Recompute`] if `recompute` failed: an error is never cached, and always
    ///   propagates, also where a valid value was about to be refreshed. Callers that were waiting
    ///   for the same recompute share its error. `?` converts it to a `Box<dyn Error>` or an `anyhow::Error`
    ///   if `E` is a `std::error::Error`. Those two are none, so a recompute that returns one wraps it:
    ///   `load().await.map_err(std::io::Error::other)`.
    /// - [`Error::Key`] and [`Error::Option`] for a key or a ttl that cannot be used, before
    ///   anything is read or run.
    /// - [`Error::Recursive`] if the call is made from inside the recompute of the same key.
    ///
    /// A store that fails is no error: `recompute` runs, once per key and process at a time, and
    /// its value is returned.
    ///
    /// # Panics
    ///
    /// A panic in `recompute` goes on in the caller that ran it, unless there is a stale value to serve. The callers that
    /// waited for it run their own, as after an error that cannot be shared.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time. If it was running its `recompute`, another caller
    /// takes over with its own, under the same lease; if there is no other, the lease is released.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn load_user(id: u64) -> Result<String, std::io::Error> { Ok(format!("user {id}")) }
    /// use cachefence::CacheFence;
    /// use std::time::Duration;
    ///
    /// let cache = CacheFence::in_memory();
    /// let minute = Duration::from_secs(60);
    /// let user: String = cache.get_or_set("user:42", minute, || load_user(42)).await?;
    /// assert_eq!(user, "user 42");
    /// # Ok(()) }
    /// ```
    pub fn get_or_set<T, E, F, Fut>(
        &self,
        key: impl AsRef<str>,
        ttl: Duration,
        recompute: F,
    ) -> impl Future<Output = Result<T, Error<E>>>
    where
        T: Serialize + DeserializeOwned,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let mut request = Request::new(Key::given(self.prefix(), key.as_ref()));
        request.lifetime = Lifetime::fixed(ttl);
        // A request is enough: an `Entry` would hold a clone of this handle.
        get_or_set(self, request, recompute)
    }

    /// The entry of `key`, for options of a single call and for more than reading.
    ///
    /// Nothing is checked or read before the entry is used.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn load_user(id: u64) -> Result<String, std::io::Error> { Ok(format!("user {id}")) }
    /// # let cache = cachefence::CacheFence::in_memory();
    /// use std::time::Duration;
    ///
    /// let user: String = cache
    ///     .entry("user:42")
    ///     .ttl(Duration::from_secs(60))
    ///     .beta(2.0)
    ///     .get_or_set(|| load_user(42))
    ///     .await?;
    /// assert_eq!(cache.entry::<String>("user:42").peek().await?, Some(user));
    /// # Ok(()) }
    /// ```
    pub fn entry<T>(&self, key: impl AsRef<str>) -> Entry<T> {
        Entry::new(self.clone(), Request::new(Key::given(self.prefix(), key.as_ref())))
    }

    /// Removes `key`, so that the next call recomputes it.
    ///
    /// No call that starts after this returned `Ok` is given anything that was read before: a
    /// recompute that is under way, here or in another process, keeps its value to its own caller.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] for a key that cannot be used. [`Error::Store`] if the store could not be
    /// reached; nobody knows then whether the key is still there.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the key may or may not have been removed.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), cachefence::Error> {
    /// # let cache = cachefence::CacheFence::in_memory();
    /// use std::time::Duration;
    ///
    /// let user = cache.entry("user:42").ttl(Duration::from_secs(60));
    /// user.set(&"ann".to_owned()).await?;
    /// // After the commit of what has changed:
    /// cache.invalidate("user:42").await?;
    /// assert_eq!(user.peek().await?, None);
    /// # Ok(()) }
    /// ```
    pub async fn invalidate(&self, key: impl AsRef<str>) -> Result<(), Error> {
        self.entry::<()>(key).invalidate().await
    }

    /// Removes several keys, in one operation of the store: on Redis, one round trip to each server that holds some of them.
    ///
    /// Each key is a string, as for [`invalidate`](Self::invalidate), or taken from an entry by
    /// [`Entry::into_key`]; to give both kinds, turn the strings into [`EntryKey`]s. What holds after `invalidate` holds
    /// after this for each of the keys. All are tried, whatever becomes of the others. Without keys the store
    /// is not asked.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] if one of the keys cannot be used, or was taken from an entry of another cache; nothing was removed then.
    /// [`Error::Store`] if the store has failed for at least one of the keys; nobody knows then which of them are still there.
    /// Of Redis the error says how many may be.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, any of the keys may or may not have been removed.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use cachefence::{CacheFence, cachefence};
    ///
    /// #[cachefence(key = "greeting:<name>", ttl = 60, cache = cache, skip(cache))]
    /// async fn greeting(cache: &CacheFence, name: &str) -> String {
    ///     format!("hello {name}")
    /// }
    ///
    /// let cache = CacheFence::in_memory();
    /// for name in ["ann", "bob"] {
    ///     greeting(&cache, name).await;
    /// }
    /// let guests = ["ann", "bob"].map(|name| greeting_entry(&cache, name).into_key());
    /// cache.invalidate_many(guests).await?;
    /// assert_eq!(greeting_entry(&cache, "ann").peek().await?, None);
    ///
    /// cache.invalidate_many(["greeting:cid", "greeting:dan"]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn invalidate_many<K: Into<EntryKey>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<(), Error> {
        let keys: Result<Vec<_>, _> =
            keys.into_iter().map(|key| key.into().into_key_of(self)).collect();
        Ok(self.engine().invalidations.invalidate_many(&keys?).await?)
    }

    /// As [`invalidate`](Self::invalidate); if the store cannot be reached, the invalidation is sent
    /// again until the store has taken it. Returns whether the store has taken it already.
    ///
    /// Until then this process serves the key without the store. Other processes serve what the store
    /// holds, so they may serve the old value for as long as they can reach the store and this
    /// process cannot. Pending invalidations are kept in memory only: those that the store has not
    /// taken when the process ends are lost.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] for a key that cannot be used. [`Error::Store`] if the store could not be
    /// reached and 100,000 keys wait for it already.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the key may or may not have been removed, and the
    /// invalidation is not sent again.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), cachefence::Error> {
    /// # let cache = cachefence::CacheFence::in_memory();
    /// // After the commit of what has changed:
    /// if !cache.invalidate_eventually("user:42").await? {
    ///     println!("Redis cannot be reached; the invalidation is sent when it can");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn invalidate_eventually(&self, key: impl AsRef<str>) -> Result<bool, Error> {
        self.entry::<()>(key).invalidate_eventually().await
    }
}

impl<T> Entry<T> {
    pub(crate) fn new(cache: CacheFence, request: Request<T>) -> Self {
        Self { cache, request }
    }

    lifetime_setters!();
    policy_setters!();

    /// The key as the store holds it, namespace included. Of a key of more than
    /// [`MAX_WHOLE_KEY_BYTES`](crate::MAX_WHOLE_KEY_BYTES), the end is replaced by the SHA-256 of the
    /// whole.
    pub fn key(&self) -> &str {
        self.request.key().as_str()
    }

    /// The key of this entry, for [`CacheFence::invalidate_many`].
    pub fn into_key(self) -> EntryKey {
        EntryKey::taken(self.cache, self.request.into_checked_key())
    }

    /// Returns the value, running `recompute` if there is none; see [`CacheFence::get_or_set`], and [`CacheFence::entry`] for an
    /// example with options.
    ///
    /// # Errors
    ///
    /// As [`CacheFence::get_or_set`]; also [`Error::Option`] if no ttl was given.
    ///
    /// # Panics
    ///
    /// As [`CacheFence::get_or_set`].
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
        get_or_set(self.cache, self.request, recompute)
    }

    /// As [`get_or_set`](Self::get_or_set), except that loads run in tasks of their own, and so outlive their
    /// callers.
    ///
    /// A caller that is dropped, by a deadline for example, or that is not polled any more neither stops the load nor holds
    /// up those who wait for it. A caller that holds a value, valid or within
    /// [`stale_while_revalidate`](Self::stale_while_revalidate), does not wait for a load. Within [`stale_if_error`](Self::stale_if_error) only,
    /// it waits for the load, but no longer than [`recompute_timeout`](Self::recompute_timeout).
    ///
    /// `recompute` is called by the caller that begins the load, *before* the load has its lease, so what it borrows can be
    /// cloned before its future is made. It must not read the data itself, or start to: what is read there may be older
    /// than an invalidation that came before the lease. The future runs in the task, under the lease and inside the caller's
    /// `tracing` span. The task runs on the tokio runtime of the
    /// caller, and ends with it. On a `current_thread` runtime the task runs while the runtime is driven by
    /// `block_on`. Outside a runtime the load runs in its caller.
    ///
    /// Of one function, which is one template, up to 64 loads run at a time for which nobody waits, and 256 of a
    /// cache; all calls without a template count as one function. Beyond that a caller that holds a value is served
    /// it, and a cold load runs in its caller. A load that takes longer than
    /// [`load_timeout`](crate::Builder::load_timeout) is dropped, unless the caller that began it still waits.
    ///
    /// # Errors
    ///
    /// As [`get_or_set`](Self::get_or_set).
    ///
    /// # Panics
    ///
    /// A panic of `recompute` goes on in the caller that began the load, if it still waits. Else it is told as an
    /// event.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; a load that has begun goes on. One that has not, because another
    /// process loads the key, ends when nobody waits for it any more.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn load_user(id: u64) -> Result<String, std::io::Error> { Ok(format!("user {id}")) }
    /// # let cache = cachefence::CacheFence::in_memory();
    /// use std::time::Duration;
    ///
    /// let user = cache
    ///     .entry::<String>("user:42")
    ///     .ttl(Duration::from_secs(60))
    ///     .get_or_set_detached(|| load_user(42));
    /// // If the caller has no time left, the load goes on, and the next caller finds its value.
    /// let user = tokio::time::timeout(Duration::from_millis(50), user).await??;
    /// assert_eq!(user, "user 42");
    /// # Ok(()) }
    /// ```
    pub fn get_or_set_detached<E, F, Fut>(
        self,
        recompute: F,
    ) -> impl Future<Output = Result<T, Error<E>>>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        async move {
            let policy = self.request.checked(&self.cache)?;
            let recompute: BoxedBody<'_, Fut> = Box::new(recompute);
            let (cache, request) = (&self.cache, &self.request);
            let fetch = Fetch::<T, Arc<E>, Shared, ByHand, _, _>::new(
                cache,
                request,
                policy,
                Shared::new(ByClone),
                recompute,
            );
            fetch.fetch_detached(true).await
        }
    }

    /// The value, if there is one that is valid; runs nothing.
    ///
    /// Where `T` is an `Option`, as for a function that returns one, a cached `None` is `Some(None)`, and an empty entry is `None`;
    /// `flatten` makes both of them `None`.
    ///
    /// An entry that holds something else than a `T` counts as empty, and so does one that is past
    /// its ttl, even within a stale window. The future may be dropped at any time, to no effect.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] for a key that cannot be used, [`Error::Store`] if the store cannot be read.
    pub async fn peek(&self) -> Result<Option<T>, Error>
    where
        T: DeserializeOwned,
    {
        Ok(engine::peek(self.cache.engine(), self.request.checked_key()?).await?)
    }

    /// The value, with its age and what is left of its ttl; runs nothing.
    ///
    /// A value that is past its ttl is returned as long as the stale windows of this entry let it be served, and
    /// says that it [is stale](Inspected::is_stale). An entry that holds something else than a `T` counts as empty. The
    /// future may be dropped at any time, to no effect.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = cachefence::CacheFence::in_memory();
    /// use std::time::Duration;
    ///
    /// let entry = cache.entry::<u32>("k").ttl(Duration::from_secs(60));
    /// entry.set(&1).await?;
    /// if let Some(found) = entry.inspect().await? {
    ///     assert_eq!(found.value, 1);
    ///     assert_eq!(found.age + found.remaining_ttl, Duration::from_secs(60));
    ///     assert!(!found.is_stale());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn inspect(&self) -> Result<Option<Inspected<T>>, Error>
    where
        T: DeserializeOwned,
    {
        let (key, policy) = (self.request.checked_key()?, self.request.policy(&self.cache));
        Ok(engine::inspect(self.cache.engine(), key, policy).await?)
    }

    /// Stores `value` for the ttl, whatever is there, and voids every load that is under way:
    /// what it recomputes was read before.
    ///
    /// The value carries no recompute time, so it is not refreshed before it expires. It is stored no
    /// matter when it was read: a value that was read before an invalidation and set after it undoes
    /// the invalidation. Where that can happen, [`invalidate`](Self::invalidate) instead.
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
    /// If the future is dropped before it is ready, the value may or may not have been stored.
    pub async fn set(&self, value: &T) -> Result<(), Error>
    where
        T: Serialize,
    {
        let key = self.request.checked_key()?;
        let policy = self.request.checked_policy(&self.cache)?;
        let engine = self.cache.engine();
        if engine.is_disabled() {
            return Ok(());
        }
        let payload = Bytes::from(engine.codec.encode(value).map_err(Error::Encode)?);
        if let Some(problem) = engine.too_large(key, policy, payload.len()) {
            return Err(Error::Encode(problem.into()));
        }
        let ttl = self.request.lifetime.of(value).ok_or_else(|| InvalidOption::missing("ttl"))?;
        let stale = policy.stale.longest();
        bounds::TTL_OF.check_with(ttl, stale)?;
        let value = NewValue { payload, delta: Duration::ZERO, ttl, stale };
        Ok(engine::set(engine, key, policy, value).await?)
    }

    /// Removes the entry, later if need be; see [`CacheFence::invalidate_eventually`], which has an example.
    ///
    /// # Errors
    ///
    /// As [`CacheFence::invalidate_eventually`].
    ///
    /// # Cancel safety
    ///
    /// As [`CacheFence::invalidate_eventually`].
    pub async fn invalidate_eventually(&self) -> Result<bool, Error> {
        Ok(self
            .cache
            .engine()
            .invalidations
            .invalidate_eventually(self.request.checked_key()?)
            .await?)
    }

    /// Removes the entry; see [`CacheFence::invalidate`].
    ///
    /// # Errors
    ///
    /// As [`CacheFence::invalidate`].
    ///
    /// # Cancel safety
    ///
    /// As [`CacheFence::invalidate`].
    pub async fn invalidate(&self) -> Result<(), Error> {
        Ok(self.cache.engine().invalidations.invalidate(self.request.checked_key()?).await?)
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

/// Serves one call, from `cache` or by `recompute`.
fn get_or_set<C, T, E, F, Fut>(
    cache: C,
    request: Request<T>,
    recompute: F,
) -> impl Future<Output = Result<T, Error<E>>>
where
    C: Borrow<CacheFence>,
    T: Serialize + DeserializeOwned,
    E: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    // The block alone holds what a call needs; an `async fn` would hold its arguments twice.
    async move {
        let cache = cache.borrow();
        let policy = request.checked(cache)?;
        let fetch = Fetch::<T, Arc<E>, Shared, ByHand, _, _>::new(
            cache,
            &request,
            policy,
            Shared::new(ByClone),
            recompute,
        );
        fetch.fetch(true).await
    }
}

/// How the callers of one load share what it comes to: nothing is known of `T` here, so each decodes, and
/// nothing of the error, so its type stands for it where nobody is given it.
type Shared = Sharing<DecodeEach, ByClone, ByTypeInArc, (Unknown, Unknown)>;

impl<T> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", self.request.key()).finish_non_exhaustive()
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), request: self.request.clone() }
    }
}
