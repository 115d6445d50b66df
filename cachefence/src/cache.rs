//! The cache, as its users hold it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::builder::Builder;
use crate::engine::Engine;
use crate::entry::Entry;
use crate::error::Error;
use crate::installed;
use crate::key::{Key, KeyWriter};
use crate::lifetime::Lifetime;
use crate::options::Policy;
use crate::terms::Terms;

/// A cache that cannot stampede.
///
/// Callers that miss the same key at the same time share one rebuild: in this process by joining
/// one flight, across processes by a lease in the store. A value is refreshed by one caller shortly
/// before it expires, while the others are served the one that is still valid (`XFetch`). What
/// [`invalidate`](Self::invalidate) removed is never served again, and a store that fails costs no
/// call its result.
///
/// A `CacheFence` is a handle: cloning it is cheap, and all clones are one cache. It may be used
/// from any thread and task, and outlives the tokio runtime that it was made on: connections are
/// made again on the next one. The waits of a miss use tokio's timers, so calls belong inside a
/// tokio runtime with time enabled.
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
/// let user: String = cache.get_or_set("user:42", Duration::from_secs(60), || load_user(42)).await?;
/// assert_eq!(user, "user 42");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct CacheFence(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    policy: Policy,
    prefix: String,
}

impl CacheFence {
    /// A cache inside this process, of up to 10,000 entries, with every option at its default.
    ///
    /// It needs no server. For other bounds see [`MemoryStore`](crate::MemoryStore).
    pub fn in_memory() -> Self {
        Builder::in_memory_default()
    }

    /// Connects to the Redis server at `url`, with every option at its default.
    ///
    /// `redis://[user:password@]host[:port][/db]` or `unix:///path/to/socket`.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a URL that is none, [`Error::Store`] for a server that cannot be
    /// reached or refuses: at once, and saying what is wrong with it.
    #[cfg(feature = "redis")]
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder().redis(url).build().await
    }

    /// Begins a cache with options.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn assemble(engine: Engine, policy: Policy, prefix: String) -> Self {
        Self(Arc::new(Inner { engine: Arc::new(engine), policy, prefix }))
    }

    /// Returns the value of `key`, running `recompute` if there is none.
    ///
    /// A value that is found is valid for `ttl` from when it was stored. Of the callers that miss
    /// at the same time, in all processes, one runs its `recompute` and the others are given what
    /// it returned; with some luck none of them ever waits, because a reader that draws high
    /// enough refreshes the value before it expires.
    ///
    /// `recompute` runs in the caller's task, at most once. If it is synchronous, pass
    /// `|| async { f() }`, or [`blocking(f)`](crate::blocking) if it blocks its thread.
    ///
    /// # Errors
    ///
    /// - [`Error::Recompute`] if `recompute` failed: an error is never cached, and always
    ///   propagates, also where a valid value was about to be refreshed. Callers that were waiting
    ///   for the same recompute share its error.
    /// - [`Error::Key`] and [`Error::Option`] for a key or a ttl that cannot be used, before
    ///   anything is read or run.
    /// - [`Error::Recursive`] if the call is made from inside the recompute of the same key.
    ///
    /// A store that fails is no error: `recompute` runs, once per key and process at a time, and
    /// its value is returned.
    ///
    /// # Panics
    ///
    /// A panic in `recompute` goes on in the caller that ran it; another one takes over.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time. If it was running its `recompute`, another caller
    /// takes over with its own, under the same lease; if there is no other, the lease is released.
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
        let mut terms = self.terms(key.as_ref());
        terms.lifetime = Lifetime::fixed(ttl);
        // Without an entry, which would count one more user of this cache for as long as it lives.
        terms.get_or_set(self, recompute)
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
        Entry::new(self.clone(), self.terms(key.as_ref()))
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
    /// Dropped before it returned, it may or may not have removed the key.
    pub async fn invalidate(&self, key: impl AsRef<str>) -> Result<(), Error> {
        self.entry::<()>(key).invalidate().await
    }

    /// As [`invalidate`](Self::invalidate); if the store cannot be reached, the invalidation is sent
    /// again until the store has taken it. Gives whether it has already.
    ///
    /// Until then this process serves the key without the store. What other processes serve is what
    /// the store holds: they may serve the old value for as long as they can reach the store and this
    /// process cannot. The process has to live, and the runtime with it: a debt is not written down.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] for a key that cannot be used. [`Error::Store`] if the store could not be
    /// reached and 100,000 keys wait for it already.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returned, it may or may not have removed the key, and owes nothing.
    pub async fn invalidate_eventually(&self, key: impl AsRef<str>) -> Result<bool, Error> {
        self.entry::<()>(key).invalidate_eventually().await
    }

    /// Makes this the default: the cache of annotated functions that name none.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyInstalled`] if there is a default already, which includes the stand-in that
    /// an annotated function runs with if it is called before.
    pub fn install(&self) -> Result<(), Error> {
        installed::install(self.clone())
    }

    fn terms<T>(&self, key: &str) -> Terms<T> {
        Terms::new(Key::given(&self.0.prefix, key))
    }

    /// The terms of a key that a template was rendered to.
    pub(crate) fn terms_of<T>(&self, key: KeyWriter) -> Terms<T> {
        Terms::new(key.finish(&self.0.prefix))
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// What decides a call that does not say otherwise.
    pub(crate) fn policy(&self) -> &Policy {
        &self.0.policy
    }
}

impl fmt::Debug for CacheFence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheFence").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}
