//! Building a cache: its options, their defaults and their bounds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::bounds;
use crate::cache::CacheFence;
use crate::chance::Chance;
use crate::codec::{AnyCodec, Codec};
use crate::engine::Engine;
use crate::error::{Error, InvalidOption};
use crate::key;
use crate::observe::{Observe, Observers};
use crate::options::Policy;
use crate::setters::policy_setters;
#[cfg(feature = "redis")]
use crate::store::redis::{Redis, RedisStore};
use crate::store::{MemoryStore, Store, timed};

/// The options of a cache.
///
/// Every option has a default but the store: choose one of `redis`,
/// [`in_memory`](Self::in_memory) and [`store`](Self::store). If more than one is chosen, the last one
/// counts. Values are checked once, by [`build`](Self::build) and [`build_lazy`](Self::build_lazy).
///
/// # Examples
///
/// Most services need two options:
///
/// ```no_run
/// # #[tokio::main] async fn main() -> Result<(), cachefence::Error> {
/// use cachefence::CacheFence;
///
/// let cache = CacheFence::builder()
///     .redis("redis://127.0.0.1:6379")
///     .namespace("shop")
///     .build()
///     .await?;
/// cache.install()?;
/// # Ok(()) }
/// ```
///
/// The others. Each figure is the default, but for `recompute_timeout`, which has none:
///
/// ```
/// use cachefence::{CacheFence, Event, Json};
/// use std::time::Duration;
///
/// let cache = CacheFence::builder()
///     .in_memory()
///     .name("users")
///     .codec(Json)
///     .observe(|event: &Event<'_>| println!("{event}"))
///     // When values expire, and what is served then:
///     .beta(1.0)
///     .jitter(0.0)
///     .stale_while_revalidate(Duration::ZERO)
///     .stale_if_error(Duration::ZERO)
///     .retry_after(Duration::from_secs(1))
///     // How long calls wait:
///     .op_timeout(Duration::from_millis(250))
///     .wait_for_lock(Duration::from_secs(5))
///     .recompute_timeout(Duration::from_millis(500))
///     // Loads:
///     .lock_timeout(Duration::from_secs(2))
///     .load_timeout(Duration::from_secs(3600))
///     .max_bypass(usize::MAX)
///     .max_value_bytes(64 << 20)
///     .build_lazy()?;
/// # Ok::<(), cachefence::Error>(())
/// ```
///
/// # Options
///
/// | option | meaning | default |
/// |---|---|---|
#[cfg_attr(
    feature = "redis",
    doc = "| [`redis`](Self::redis) | entries live in a Redis server | one store is required |"
)]
/// | [`in_memory`](Self::in_memory) | up to 10,000 entries live in this process | |
/// | [`store`](Self::store) | entries live in a [`MemoryStore`] of another size, or in a store of your own | |
/// | [`namespace`](Self::namespace) | a prefix of every key | none |
/// | [`name`](Self::name) | the cache's name in logs and metrics | none |
/// | [`codec`](Self::codec) | how values become bytes | [`Json`](crate::Json) |
/// | [`observe`](Self::observe) | who is told of each event | nobody |
/// | [`beta`](Self::beta) | how eagerly a value is refreshed before it expires | 1 |
/// | [`jitter`](Self::jitter) | by which share a ttl is shortened at most, at random | 0 |
/// | [`stale_while_revalidate`](Self::stale_while_revalidate) | for how long after its ttl a value is served while one call loads | 0 |
/// | [`stale_if_error`](Self::stale_if_error) | for how long after its ttl a value is served when the recompute fails | 0 |
/// | [`retry_after`](Self::retry_after) | for how long nobody tries again after that | 1 s |
/// | [`op_timeout`](Self::op_timeout) | the most that one call waits for Redis | 250 ms |
/// | [`wait_for_lock`](Self::wait_for_lock) | how long a load keeps others waiting | 5 s |
/// | [`recompute_timeout`](Self::recompute_timeout) | how long a call that has a value to serve waits for a recompute | no limit |
/// | [`lock_timeout`](Self::lock_timeout) | how long a lease lasts between renewals | 2 s |
/// | [`load_timeout`](Self::load_timeout) | how long one load may take | 1 h |
/// | [`max_bypass`](Self::max_bypass) | how many recomputes run at a time while Redis is down | no bound |
/// | [`max_value_bytes`](Self::max_value_bytes) | the largest value that is stored | 64 MiB |
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    store: Option<Choice>,
    op_timeout: Duration,
    most_bypassing: usize,
    codec: AnyCodec,
    chance: Chance,
    prefix: String,
    name: String,
    observers: Vec<Box<dyn Observe>>,
    policy: Policy,
}

impl CacheFence {
    /// A cache inside this process, of up to 10,000 entries, with every option at its default.
    ///
    /// It needs no server. For other bounds see [`MemoryStore`](crate::MemoryStore).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), cachefence::Error> {
    /// use cachefence::CacheFence;
    /// use std::time::Duration;
    ///
    /// let entry = CacheFence::in_memory().entry("answer").ttl(Duration::from_secs(60));
    /// entry.set(&42).await?;
    /// assert_eq!(entry.peek().await?, Some(42));
    /// # Ok(()) }
    /// ```
    pub fn in_memory() -> Self {
        let observers = Arc::new(Observers::new(String::new(), Vec::new()));
        let store = timed(Arc::new(MemoryStore::default()), &observers);
        let engine = Engine::new(store, AnyCodec::Json, Chance::default(), usize::MAX, observers);
        Self::assemble(engine, Policy::default(), String::new())
    }

    /// Connects to a Redis server, with every option at its default. The server is the text of its URL,
    /// `redis://[user:password@]host[:port][/db]` for instance, or a [`Redis`].
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a URL that cannot be used, [`Error::Store`] for a server that cannot be reached or read:
    /// at once, and saying what is wrong with it. [`Builder::build`] has the details, and what is only a warning.
    ///
    /// # Cancel safety
    ///
    /// As [`Builder::build`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), cachefence::Error> {
    /// use cachefence::CacheFence;
    ///
    /// CacheFence::connect("redis://127.0.0.1:6379").await?.install()?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "redis")]
    pub async fn connect(redis: impl Into<Redis>) -> Result<Self, Error> {
        Self::builder().redis(redis).build().await
    }

    /// Begins a cache with options; [`Builder`] has examples.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

/// The store that was chosen.
enum Choice {
    #[cfg(feature = "redis")]
    Redis(Redis),
    Given(Arc<dyn Store>),
}

impl Builder {
    fn new() -> Self {
        Self {
            store: None,
            op_timeout: Duration::from_millis(250),
            most_bypassing: usize::MAX,
            codec: AnyCodec::Json,
            chance: Chance::default(),
            prefix: String::new(),
            name: String::new(),
            observers: Vec::new(),
            policy: Policy::default(),
        }
    }

    /// Keeps entries in Redis: the text of a server's URL, `redis://[user:password@]host[:port][/db]` for instance, or
    /// a [`Redis`], which also says how TLS is spoken and who logs in. A `Redis` may be a cluster
    /// ([`Redis::cluster`]), or the primary that sentinels name ([`Redis::sentinel`]). The servers are Redis 6.2 or
    /// later, Valkey, or others that speak the same protocol. [The guide](crate::guide::operating#topologies) says which
    /// topology is for what, and what happens when a server dies.
    ///
    /// # Examples
    ///
    /// ```
    /// use cachefence::{CacheFence, Credentials, Redis};
    ///
    /// # async fn token() -> std::io::Result<String> { Ok(String::new()) }
    /// // A token that changes while the program runs, for the user of a server that has a password and no users.
    /// let redis = Redis::server("redis://cache.internal:6379")
    ///     .credentials(|| async { Ok(Credentials::new("default", token().await?)) });
    /// let cache = CacheFence::builder().redis(redis).namespace("app").build_lazy()?;
    /// # Ok::<(), cachefence::Error>(())
    /// ```
    #[cfg(feature = "redis")]
    pub fn redis(mut self, redis: impl Into<Redis>) -> Self {
        self.store = Some(Choice::Redis(redis.into()));
        self
    }

    /// Keeps up to 10,000 entries inside this process. For other bounds give a
    /// [`MemoryStore`] to [`store`](Self::store).
    ///
    /// # Examples
    ///
    /// ```
    /// use cachefence::CacheFence;
    ///
    /// let cache = CacheFence::builder().in_memory().name("users").build_lazy()?;
    /// # Ok::<(), cachefence::Error>(())
    /// ```
    pub fn in_memory(self) -> Self {
        self.store(MemoryStore::default())
    }

    /// Keeps entries in this store: a [`MemoryStore`] of another size, or a store of your own.
    ///
    /// # Examples
    ///
    /// ```
    /// use cachefence::{CacheFence, MemoryStore};
    ///
    /// let large = MemoryStore::with_bytes(1 << 30);
    /// let cache = CacheFence::builder().store(large).build_lazy()?;
    /// # Ok::<(), cachefence::Error>(())
    /// ```
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Choice::Given(Arc::new(store)));
        self
    }

    /// Puts `namespace` and a `:` in front of every key. None by default.
    ///
    /// Two namespaces never share a key, whatever the keys are: the namespace is escaped like an
    /// interpolated part of a key, so that its `:` is the first.
    ///
    /// # Examples
    ///
    /// ```
    /// use cachefence::CacheFence;
    ///
    /// let cache = CacheFence::builder().in_memory().namespace("shop").build_lazy()?;
    /// assert_eq!(cache.entry::<u32>("user:42").key(), "shop:user:42");
    /// # Ok::<(), cachefence::Error>(())
    /// ```
    pub fn namespace(mut self, namespace: impl AsRef<str>) -> Self {
        self.prefix = key::prefix(namespace.as_ref());
        self
    }

    /// The name of this cache in logs and metrics, for programs that have several. Empty by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Tells `observer` what happens in this cache: an [`Observe`] or any `Fn(&Event<'_>)`. May be called
    /// several times; each observer is told everything.
    ///
    /// Nobody by default. Without an observer, and without the feature `metrics`, a hit makes no event and adds to two counters.
    ///
    /// # Examples
    ///
    /// ```
    /// use cachefence::{CacheFence, Event};
    ///
    /// let observer = |event: &Event<'_>| {
    ///     if event.trouble().is_some() {
    ///         eprintln!("{event}");
    ///     }
    /// };
    /// let cache = CacheFence::builder().in_memory().observe(observer).build_lazy()?;
    /// # Ok::<(), cachefence::Error>(())
    /// ```
    pub fn observe(mut self, observer: impl Observe) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    policy_setters!();

    fn policy_mut(&mut self) -> &mut Policy {
        &mut self.policy
    }

    /// All options are checked when the cache is built.
    fn within_bounds(self, _: bool) -> Self {
        self
    }

    /// How long one load may take. An hour by default; between 1 ms and 2^53 ms.
    ///
    /// Past it a [detached](crate::Entry::get_or_set_detached) load is dropped, unless the caller that began it
    /// still waits, and the lease of any other is not renewed any more: its value goes to its own caller and is not
    /// stored. So keep this limit above the longest recompute. A recompute that hangs does not block its key for so
    /// long; see [`wait_for_lock`](Self::wait_for_lock).
    pub fn load_timeout(mut self, longest: Duration) -> Self {
        self.policy.load_timeout = longest;
        self
    }

    /// How long a stale value is served without another try, once a recompute has failed. 1 second
    /// by default; at most 2^53 ms.
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.policy.retry_after = pause;
        self
    }

    /// The largest encoded value that is stored. 64 MiB by default; at least 1 byte. A larger one is served
    /// and not cached.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.policy.max_value_bytes = bytes;
        self
    }

    /// How long all operations of the Redis store that one call waits for may take together, waiting for a
    /// connection included. 250 ms by default; between 1 ms and 2^53 ms. It is the most that Redis in trouble adds to a
    /// call.
    ///
    /// A load has three operations of the store, which share this limit, so it should allow for
    /// several round trips. A value that takes longer to be stored is stored in a task, and its caller
    /// does not wait.
    ///
    /// Making a connection has a limit of its own: one second, or four times `op_timeout` if that is more. No call waits
    /// for it longer than its `op_timeout`; the attempt goes on in a task, for the calls that follow.
    ///
    /// After 5 failed attempts in a row a circuit breaker opens: calls no longer contact Redis, and run their
    /// recomputes without waiting, until Redis answers a probe. Writes have a breaker of their own: while that alone is
    /// open, hits go on, and values are not stored. This option does not concern a store of your own, which bounds its
    /// operations itself.
    pub fn op_timeout(mut self, limit: Duration) -> Self {
        self.op_timeout = limit;
        self
    }

    /// How many recomputes of this cache may run at a time because the store cannot be asked. No bound
    /// by default: there is one per key and process in any case. At least 1.
    ///
    /// Further recomputes wait for their turn. One that has run for [`wait_for_lock`](Self::wait_for_lock) does not
    /// count any more, because it may hang; and a recompute that has waited for as long, while none ended, starts.
    pub fn max_bypass(mut self, recomputes: usize) -> Self {
        self.most_bypassing = recomputes;
        self
    }

    /// How values become bytes. [`Json`](crate::Json) by default; the feature `messagepack` has another,
    /// `MessagePack`.
    ///
    /// Entries in Redis that a codec of another name wrote count as missing. [`Codec`] shows a codec of your own.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.codec = AnyCodec::other(codec);
        self
    }

    /// Sets the source of tokens, draws and jitter.
    #[cfg(feature = "testing")]
    pub(crate) fn chance(mut self, chance: Chance) -> Self {
        self.chance = chance;
        self
    }

    /// Builds the cache, and checks that its store can be used.
    ///
    /// With a key of the cache's namespace the check does what the cache will do: it reads, takes a lease, asks to be
    /// told of changes, stores a value and removes it. No key is left, and two connections: one for reads and one for
    /// writes; and a third where scripts are refused. Connecting may take one second, or four times
    /// [`op_timeout`](Self::op_timeout) if that is more; each command of the check 5 seconds; and taking the lease,
    /// storing and removing `op_timeout` each.
    ///
    /// A feature of Redis that is refused, and that the cache can do without, is a warning: one [`Event::StoreDegraded`] for each.
    /// [`CacheFence::status`] shows it afterwards. These are refused scripts, pushes and writes, and a round trip of more than a
    /// fifth of [`op_timeout`](Self::op_timeout). Another warning is `maxmemory` with the policy `volatile-ttl`, by
    /// which leases are evicted first.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for an option out of bounds or a missing store. [`Error::Store`] for a Redis that cannot be
    /// reached, refuses the credentials or the database, does not let this user read, or is a node of a Redis Cluster
    /// although it was given as a single server. A node of a cluster that is down is a warning, as long as another can
    /// be read.
    /// The message quotes what the server said, unless that may hold a key or a password, and says what to do.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time. What the check has written by then is gone after 5 seconds.
    ///
    /// [`Event::StoreDegraded`]: crate::Event::StoreDegraded
    pub async fn build(self) -> Result<CacheFence, Error> {
        let cache = self.build_lazy()?;
        cache.engine().store.check().await?;
        Ok(cache)
    }

    /// Builds the cache without any I/O: for statics, and for services that must start while their
    /// Redis is down. Connections are made when they are first needed. What a server refuses is then a warning when a
    /// call first meets it; a single server that is a node of a Redis Cluster, a server that is far away and the policy `volatile-ttl` are
    /// looked for by [`build`](Self::build) alone.
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
        bounds::OP_TIMEOUT.check(&self.op_timeout)?;
        bounds::MAX_BYPASS.check(&self.most_bypassing)?;
        let observers = Arc::new(Observers::new(self.name, self.observers));
        let store: Arc<dyn Store> = match self.store {
            #[cfg(feature = "redis")]
            Some(Choice::Redis(redis)) => {
                let (codec, prefix) = (self.codec.id(), self.prefix.clone());
                let observers = Arc::clone(&observers);
                Arc::new(RedisStore::open(redis, prefix, self.op_timeout, codec, observers)?)
            }
            Some(Choice::Given(store)) => store,
            None => return Err(InvalidOption::missing("store").into()),
        };
        let store = timed(store, &observers);
        let engine = Engine::new(store, self.codec, self.chance, self.most_bypassing, observers);
        Ok(CacheFence::assemble(engine, self.policy, self.prefix))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("policy", &self.policy).finish_non_exhaustive()
    }
}
