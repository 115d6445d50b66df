//! How a cache is put together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::CacheFence;
use crate::chance::Chance;
use crate::codec::{AnyCodec, Codec};
use crate::engine::Engine;
#[cfg(doc)]
use crate::entry::Entry;
use crate::error::{Error, InvalidOption};
use crate::key;
use crate::options::{self, Policy};
#[cfg(feature = "redis")]
use crate::store::redis::RedisStore;
use crate::store::{MemoryStore, Store};

/// The options of a cache.
///
/// Every option has a default but the store: choose one of [`redis`](Self::redis),
/// [`in_memory`](Self::in_memory) and [`store`](Self::store). Chosen twice, the last one counts.
/// Values are checked once, by [`build`](Self::build) and [`build_lazy`](Self::build_lazy).
///
/// # Examples
///
/// ```no_run
/// # #[tokio::main] async fn main() -> Result<(), cachefence::Error> {
/// use cachefence::CacheFence;
/// use std::time::Duration;
///
/// let cache = CacheFence::builder()
///     .redis("redis://127.0.0.1:6379")
///     .namespace("app")
///     .beta(1.0)
///     .lock_timeout(Duration::from_secs(2))
///     .wait_for_lock(Duration::from_secs(5))
///     .build()
///     .await?;
/// # Ok(()) }
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    store: Option<Choice>,
    op_timeout: Duration,
    most_bypassing: usize,
    codec: AnyCodec,
    chance: Chance,
    prefix: String,
    policy: Policy,
}

/// Which store.
enum Choice {
    #[cfg(feature = "redis")]
    Redis(String),
    Given(Arc<dyn Store>),
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            store: None,
            op_timeout: Duration::from_millis(250),
            most_bypassing: usize::MAX,
            codec: AnyCodec::Json,
            chance: Chance::default(),
            prefix: String::new(),
            policy: Policy::default(),
        }
    }

    pub(crate) fn in_memory_default() -> CacheFence {
        let store = Arc::new(MemoryStore::default());
        let engine = Engine::new(store, AnyCodec::Json, Chance::default(), usize::MAX);
        CacheFence::assemble(engine, Policy::default(), String::new())
    }

    /// Keeps entries in the Redis server at `url`: `redis://[user:password@]host[:port][/db]` or
    /// `unix:///path/to/socket`. Redis 6.2 and later, and what speaks its protocol.
    #[cfg(feature = "redis")]
    pub fn redis(mut self, url: impl AsRef<str>) -> Self {
        self.store = Some(Choice::Redis(url.as_ref().to_owned()));
        self
    }

    /// Keeps up to 10,000 entries inside this process. For other bounds give a
    /// [`MemoryStore`] to [`store`](Self::store).
    pub fn in_memory(self) -> Self {
        self.store(MemoryStore::default())
    }

    /// Keeps entries in a store of your own.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Choice::Given(Arc::new(store)));
        self
    }

    /// Puts `namespace` and a `:` in front of every key. None by default.
    ///
    /// Two namespaces never share a key, whatever the keys are: the namespace is escaped like an
    /// interpolated part of a key, so that its `:` is the first.
    pub fn namespace(mut self, namespace: impl AsRef<str>) -> Self {
        self.prefix = key::prefix(namespace.as_ref());
        self
    }

    /// How eagerly values are refreshed before they expire: the factor of the recompute's duration
    /// in `XFetch`. 1 by default, as in the paper; more is earlier, 0 is never.
    pub fn beta(mut self, beta: f64) -> Self {
        self.policy.beta = beta;
        self
    }

    /// How long a rebuild's lease lasts unless it is renewed, which it is every third of this
    /// while the recompute runs. 2 seconds by default; at least 1 ms.
    ///
    /// A process that dies in a rebuild blocks the key for others no longer than this.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.policy.lock_timeout = timeout;
        self
    }

    /// How long a caller waits for somebody else's rebuild before it runs its own recompute, whose
    /// value is not stored. 5 seconds by default; zero is not at all.
    pub fn wait_for_lock(mut self, longest: Duration) -> Self {
        self.policy.wait_for_lock = longest;
        self
    }

    /// How long a lease is renewed for one rebuild. 60 seconds by default.
    ///
    /// A recompute that is polled but never ends gives its key free after this and less than two more
    /// [`lock_timeout`](Self::lock_timeout)s. What a recompute that takes longer returns goes to its
    /// own caller and is not stored, so keep this above the longest one.
    pub fn max_rebuild(mut self, longest: Duration) -> Self {
        self.policy.max_rebuild = longest;
        self
    }

    /// For how long after its ttl a value is still served while one caller rebuilds it
    /// (`stale-while-revalidate`, RFC 5861, section 3). Zero by default: never.
    ///
    /// The caller that rebuilds waits for its own recompute, unless refreshes run
    /// [in the background](Entry::get_or_set_in_background); the others do not wait.
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.policy.stale.while_revalidate = window;
        self
    }

    /// For how long after its ttl a value is served instead of an error when the recompute fails
    /// (`stale-if-error`, RFC 5861, section 4). Zero by default: never.
    ///
    /// After a failure nobody in the fleet tries again before [`retry_after`](Self::retry_after).
    /// With any stale window, an early refresh that fails costs its caller nothing either.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.policy.stale.if_error = window;
        self
    }

    /// How long a stale value is served without another try, once a recompute has failed. 1 second
    /// by default.
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.policy.retry_after = pause;
        self
    }

    /// How long a recompute is waited for where there is a value to serve instead: one that is valid,
    /// or within a stale window. Without such a value it is waited for whatever it takes. No limit by
    /// default.
    ///
    /// A recompute that is cut short this way is dropped, and counts as failed; one that runs
    /// [in the background](Entry::get_or_set_in_background) goes on.
    pub fn recompute_timeout(mut self, limit: Duration) -> Self {
        self.policy.recompute_timeout = Some(limit);
        self
    }

    /// By which share a ttl is shortened at most, at random, so that values that were stored together
    /// do not expire together. From 0 to 1; 0 by default.
    pub fn jitter(mut self, share: f64) -> Self {
        self.policy.jitter = share;
        self
    }

    /// The largest encoded value that is stored. 64 MiB by default. A larger one is served and not
    /// cached.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.policy.max_value_bytes = bytes;
        self
    }

    /// How long one operation of the Redis store may take, waiting for a connection included. 250 ms
    /// by default; at least 1 ms. It is the most that Redis in trouble adds to a call.
    ///
    /// A rebuild asks three things of the store, and they share this: it should be several round trips.
    /// A value that takes longer to be stored is stored in a task, and its caller does not wait.
    ///
    /// After 5 failures in a row the server is left alone: calls are served without it and without
    /// waiting, until it answers a probe. A store of your own bounds its operations itself.
    pub fn op_timeout(mut self, limit: Duration) -> Self {
        self.op_timeout = limit;
        self
    }

    /// How many recomputes of this cache may run at a time while the store cannot be reached. No bound
    /// by default: there is one per key and process in any case. At least 1.
    ///
    /// The others wait for their turn. One whose caller is not polled any more does not hold them up
    /// for longer than [`wait_for_lock`](Self::wait_for_lock).
    pub fn max_bypass(mut self, recomputes: usize) -> Self {
        self.most_bypassing = recomputes;
        self
    }

    /// How values become bytes. [`Json`](crate::Json) by default.
    ///
    /// Entries that another codec wrote count as missing when they do not decode.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.codec = AnyCodec::other(codec);
        self
    }

    /// Where chance comes from.
    #[cfg(feature = "testing")]
    pub(crate) fn chance(mut self, chance: Chance) -> Self {
        self.chance = chance;
        self
    }

    /// Builds the cache and sees that its store can be used.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for an option out of bounds or a missing store, [`Error::Store`] for a
    /// store that cannot be reached or refuses.
    pub async fn build(self) -> Result<CacheFence, Error> {
        let cache = self.build_lazy()?;
        cache.engine().store().check().await?;
        Ok(cache)
    }

    /// Builds the cache without any I/O: for statics, and for services that must start while their
    /// Redis is down. Connections are made when they are first needed.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for an option out of bounds or a missing store.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "redis")] {
    /// use cachefence::CacheFence;
    /// use std::sync::LazyLock;
    ///
    /// static CACHE: LazyLock<CacheFence> = LazyLock::new(|| {
    ///     let cache = CacheFence::builder().redis("redis://127.0.0.1:6379").build_lazy();
    ///     cache.expect("the options are constants")
    /// });
    /// # LazyLock::force(&CACHE);
    /// # }
    /// ```
    pub fn build_lazy(self) -> Result<CacheFence, Error> {
        self.policy.check()?;
        options::span("op_timeout", self.op_timeout)?;
        let store: Arc<dyn Store> = match self.store {
            #[cfg(feature = "redis")]
            Some(Choice::Redis(url)) => {
                Arc::new(RedisStore::open(&url, self.op_timeout, self.codec.id())?)
            }
            Some(Choice::Given(store)) => store,
            None => return Err(InvalidOption::missing("store").into()),
        };
        options::at_least_one("max_bypass", self.most_bypassing)?;
        let engine = Engine::new(store, self.codec, self.chance, self.most_bypassing);
        Ok(CacheFence::assemble(engine, self.policy, self.prefix))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("policy", &self.policy).finish_non_exhaustive()
    }
}
