//! The handle by which users hold a cache.

use std::fmt;
use std::sync::Arc;

use crate::engine::Engine;
use crate::error::Error;
use crate::observe::Stats;
use crate::options::Policy;
use crate::store::{Status, Store as _};

/// A cache that cannot stampede.
///
/// Callers that miss the same key at the same time share one load: in this process by joining
/// one flight, across processes by a lease in the store. A value is refreshed by one caller shortly
/// before it expires, while the others are served the one that is still valid (`XFetch`). What
/// [`invalidate`](Self::invalidate) removed is never served again, and a store that fails costs no
/// call its result.
///
/// A `CacheFence` is a handle: cloning it is cheap, and all clones are one cache. It may be used from
/// any thread and task, and outlives the tokio runtime that it was made on: connections are made
/// again on the next one. The waits of a miss use tokio's timers, so call it inside a tokio runtime
/// with time enabled.
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
    pub(crate) fn assemble(engine: Engine, policy: Policy, prefix: String) -> Self {
        Self(Arc::new(Inner { engine: Arc::new(engine), policy, prefix }))
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// The numbers of this cache, counted since it was built.
    ///
    /// The counters are always on. Reading them takes no lock and stops nobody. [`Stats`] has an example.
    pub fn stats(&self) -> Stats {
        let engine = self.engine();
        engine.observers.stats(engine.invalidations.pending_count())
    }

    /// How the store is now: up, degraded or down; whether its scripts, pushes and writes work, and whether it is near.
    /// Does no I/O: this is what the cache has learned from its own operations, so an idle cache knows little news.
    ///
    /// # Examples
    ///
    /// An alert, and what it says:
    ///
    /// ```
    /// use cachefence::CacheFence;
    /// use cachefence::store::Health;
    ///
    /// let cache = CacheFence::in_memory();
    /// let status = cache.status();
    /// if status.health != Health::Up {
    ///     eprintln!("the cache is not well: {status:?}"); // which of its parts do not work
    /// }
    /// # assert_eq!(status.health, Health::Up);
    /// ```
    pub fn status(&self) -> Status {
        self.engine().store.status()
    }

    /// Ends the work that outlives the calls of this cache: for the end of a service, or of a test.
    ///
    /// From now on no load is detached: each runs in its caller. Detached loads that run are waited for, for up to
    /// [`wait_for_lock`](crate::Builder::wait_for_lock); those that take longer are dropped, and their leases
    /// released, so that no other process has to wait for them. Then pending invalidations
    /// ([`invalidate_eventually`](Self::invalidate_eventually)) are sent once more. All that the store is
    /// asked for may take `op_timeout` twice. The cache can be used as before afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store has not taken all pending invalidations: entries that were to be removed may
    /// still be served to other processes.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, what runs goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = cachefence::CacheFence::in_memory();
    /// // After the server has answered its last request:
    /// cache.shutdown().await?;
    /// # Ok(()) }
    /// ```
    pub async fn shutdown(&self) -> Result<(), Error> {
        Ok(self.engine().shutdown(self.policy().wait_for_lock).await?)
    }

    /// Whether `other` is a handle of the same cache.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The namespace as every key of this cache begins with it.
    pub(crate) fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The options of calls that set none of their own.
    pub(crate) fn policy(&self) -> &Policy {
        &self.0.policy
    }
}

impl fmt::Debug for CacheFence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheFence").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}
