//! The public options of a Redis store: which servers, over what, as whom.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionAddr, RedisConnectionInfo};

use super::address::Address;
use super::credentials::{Credentials, Provider};
use super::dial::{NodeDialer, Role};
use super::dialer::Dialer;
use super::primary::{Access, Primary};
use super::server::Common;
use super::servers::Servers;
#[cfg(feature = "tls")]
use super::tls::Tls;
use crate::error::{BoxError, InvalidOption};

/// The Redis to keep entries on, for [`Builder::redis`](crate::Builder::redis) and
/// [`CacheFence::connect`](crate::CacheFence::connect): one [`server`](Self::server), the nodes of a
/// [`cluster`](Self::cluster), or the primary that sentinels name ([`sentinel`](Self::sentinel)). A `&str` or a
/// `String` with the URL of one server does, where there is nothing else to say.
///
/// A URL is one of these:
///
/// | URL | connects |
/// |---|---|
/// | `redis://[user:password@]host[:port][/db]` | by TCP, to port 6379 and database 0 unless it says otherwise |
/// | `rediss://..` | by TCP and TLS (feature `tls`) |
/// | `unix:///path/to/socket[?db=0&user=..&pass=..]` | by a socket on this machine |
///
/// `valkey`, `valkeys`, `redis+unix` and `valkey+unix` mean the same. A user and a password are percent-escaped.
/// All the addresses that a host's name resolves to are tried.
///
/// A mistake in here is an [`Error::Option`](crate::Error::Option) when the cache is built. `Debug` and errors never
/// show the URL, because it may hold a password.
///
/// # Examples
///
/// ```
/// use cachefence::{CacheFence, Credentials, Redis};
///
/// # async fn token() -> std::io::Result<String> { Ok(String::new()) }
/// let redis = Redis::server("redis://cache.internal:6379/0")
///     .credentials(|| async { Ok(Credentials::new("app", token().await?)) });
/// let cache = CacheFence::builder().redis(redis).namespace("app").build_lazy()?;
/// # Ok::<(), cachefence::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a server does nothing until a cache is built on it"]
pub struct Redis {
    topology: Topology,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    credentials: Option<Provider>,
}

/// Which servers hold the entries.
#[derive(Clone)]
enum Topology {
    /// The one at this URL.
    Server(String),
    /// The nodes of the cluster that those at these URLs belong to.
    Cluster(Vec<String>),
    /// The one that these sentinels name as the primary of this name.
    Sentinel { name: String, sentinels: Vec<Redis> },
}

impl Redis {
    /// The server at `url`.
    pub fn server(url: impl Into<String>) -> Self {
        Self::of(Topology::Server(url.into()))
    }

    /// The Redis Cluster that the nodes at `urls` belong to. Name several nodes, because a cache that starts asks them,
    /// one after the other, which nodes there are. After that the nodes themselves say so.
    ///
    /// Every node has the scheme, the user and the password of the URLs, which are therefore the same in all of them. A
    /// cluster has database 0 only, and cannot be reached by a socket.
    ///
    /// An entry and its leases are on the node that holds their slot. Every process knows which slots each node holds;
    /// a node that is asked for a slot that has moved names the other (`MOVED`, `ASK`), which is then asked. While a
    /// node is down, the keys of its slots are loaded each time, until a replica is promoted; and so are all others where
    /// `cluster-require-full-coverage` is `yes`, as it is by default. While a slot is being moved, its hits and
    /// invalidations go on; a load of one of its keys runs without a lease, and its value is not stored. Replicas are
    /// not used. A user with an ACL needs `+cluster|slots` and `+asking` too, and should have `+cluster|info`.
    ///
    /// # Examples
    ///
    /// ```
    /// use cachefence::{CacheFence, Redis};
    ///
    /// let redis = Redis::cluster(["redis://10.0.0.1:7000", "redis://10.0.0.2:7000"]);
    /// let cache = CacheFence::builder().redis(redis).namespace("app").build_lazy()?;
    /// # Ok::<(), cachefence::Error>(())
    /// ```
    pub fn cluster<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> Self {
        Self::of(Topology::Cluster(urls.into_iter().map(Into::into).collect()))
    }

    /// The primary that Redis Sentinel knows by this `name`. Name all the `sentinels`: each of them may be the first to
    /// tell of a failover.
    ///
    /// A sentinel is a [`Redis::server`], or just a URL, and has a user, a password and TLS of its own. The
    /// [`credentials`](Self::credentials) and [`tls`](Self::tls) of the whole are those of the primary, which speaks TLS
    /// if `tls` is called. A database in the URLs of the sentinels is that of the primary.
    ///
    /// The sentinels are asked for the primary before the first connection, and again when a connection to the primary
    /// fails. If none of them answers, the last known address is tried. Each new connection is checked to lead to a
    /// primary (`ROLE`), if the user has the rule `+role`. When a sentinel tells of another primary
    /// (`+switch-master`), every connection to the old one is closed, because the old one goes on to take writes for a
    /// while, which are lost. Until a replica is promoted, calls run their bodies. Redis replicates asynchronously, so
    /// the new primary may lack the last writes, invalidations among them: the page
    /// [guarantees](crate::guide::guarantees) says what that costs.
    ///
    /// # Examples
    ///
    /// ```
    /// use cachefence::{CacheFence, Credentials, Redis};
    ///
    /// let sentinels = ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379", "redis://10.0.0.3:26379"];
    /// let redis = Redis::sentinel("main", sentinels)
    ///     .credentials(|| async { Ok(Credentials::new("app", "secret")) });
    /// let cache = CacheFence::builder().redis(redis).namespace("app").build_lazy()?;
    /// # Ok::<(), cachefence::Error>(())
    /// ```
    pub fn sentinel<S: Into<Self>>(
        name: impl Into<String>,
        sentinels: impl IntoIterator<Item = S>,
    ) -> Self {
        let sentinels = sentinels.into_iter().map(Into::into).collect();
        Self::of(Topology::Sentinel { name: name.into(), sentinels })
    }

    fn of(topology: Topology) -> Self {
        Self {
            topology,
            #[cfg(feature = "tls")]
            tls: None,
            credentials: None,
        }
    }

    /// How TLS is spoken, where the defaults of [`Tls`] do not do. The URL of a server and all URLs of a cluster begin
    /// with `rediss://`. A primary behind sentinels has no URL, so there this also turns TLS on.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Asks `provider` for the user and its password or token before each connection is made, for credentials that
    /// change while the program runs. The URLs of a server or a cluster then hold none. Behind sentinels they are the
    /// primary's, and each sentinel has its own.
    ///
    /// A connection goes on with the credentials that it was made with. When the server ends it, or refuses its
    /// credentials, the next one is made with what `provider` returns then. The time that `provider` takes counts
    /// for the time that a connection may take: one second, or four times
    /// [`op_timeout`](crate::Builder::op_timeout) if that is more. It may be called for several connections at
    /// once, so keep a token that is expensive to get, and renew it before it expires.
    ///
    /// Where `provider` fails, there is no connection, and the text of its error stands in the cache's error and in
    /// the log: it must hold no secret.
    pub fn credentials<F>(mut self, provider: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Credentials, BoxError>> + Send + 'static,
    {
        self.credentials = Some(Provider::new(provider));
        self
    }

    /// The servers of a store; does no I/O.
    pub(super) fn servers(self, common: Common) -> Result<Servers, InvalidOption> {
        match self.topology.clone() {
            Topology::Server(url) => {
                let dialer = self.dialer(&url, common.limit())?;
                Ok(Servers::one(dialer, &common))
            }
            Topology::Cluster(urls) => {
                let seeds: Result<Vec<NodeDialer>, _> =
                    urls.iter().map(|url| self.clone().dialer(url, common.limit())).collect();
                Servers::cluster(seeds?, common)
            }
            Topology::Sentinel { name, sentinels } => {
                let primary = self.primary(name, sentinels, &common)?;
                Ok(Servers::one(Dialer::Primary(primary), &common))
            }
        }
    }

    /// The dialer of the server at `url`; does no I/O.
    fn dialer(self, url: &str, limit: Duration) -> Result<NodeDialer, InvalidOption> {
        let address = Address::parse(url)?;
        let login = &address.login;
        let has_login = login.username().is_some() || login.password().is_some();
        if self.credentials.is_some() && has_login {
            return Err(invalid(
                "has a user or password in its URL, and `credentials(..)` beside it: leave one of them out",
            ));
        }
        #[cfg(feature = "tls")]
        let tls = match (self.tls, address.tls) {
            (Some(_), false) => {
                return Err(invalid(
                    "has `tls(..)`, and a URL that does not ask for TLS: write `rediss://`",
                ));
            }
            (tls, true) => Some(tls.unwrap_or_default().connector(&address.server)?),
            (None, false) => None,
        };
        #[cfg(not(feature = "tls"))]
        let tls = if address.tls {
            return Err(invalid(
                "asks for TLS (`rediss://`), which takes the feature `tls` of `cachefence`: write \
                 `features = [\"tls\"]` for it in Cargo.toml",
            ));
        } else {
            None
        };
        Ok(NodeDialer {
            address: address.server,
            role: Role::Server,
            login: address.login,
            credentials: self.credentials,
            tls,
            limit,
        })
    }

    /// The dialer of the primary that the `sentinels` know by this `name`; does no I/O.
    fn primary(
        self,
        name: String,
        sentinels: Vec<Self>,
        common: &Common,
    ) -> Result<Arc<Primary>, InvalidOption> {
        if name.is_empty() {
            return Err(invalid("has no name of a primary: give the one in `sentinel monitor`"));
        }
        // Half of the time is left for the connection to the primary.
        let limit = common.limit();
        let dialers = sentinels.into_iter().map(|sentinel| sentinel.sentinel_dialer(limit / 2));
        let mut dialers: Vec<NodeDialer> = dialers.collect::<Result<_, _>>()?;
        let Some(first) = dialers.first() else {
            return Err(invalid("names no sentinel: name all of them"));
        };
        let database = first.login.db();
        if dialers.iter().any(|dialer| dialer.login.db() != database) {
            return Err(invalid(
                "has sentinels whose URLs name different databases: the database is that of the primary, so write the \
                 same in all of them",
            ));
        }
        #[cfg(feature = "tls")]
        // The certificate has to be for the host that the sentinels name, unless `tls` gives another name.
        let tls = self.tls.map(|tls| tls.connector(&first.address)).transpose()?;
        #[cfg(not(feature = "tls"))]
        let tls = None;
        for dialer in &mut dialers {
            // A sentinel has no databases.
            dialer.login = dialer.login.clone().set_db(0);
        }
        let login = RedisConnectionInfo::default().set_db(database);
        let access = Access { login, credentials: self.credentials, tls, limit };
        Ok(Primary::new(name, dialers, access, Arc::clone(&common.observers)))
    }

    /// The dialer of this sentinel; does no I/O.
    fn sentinel_dialer(self, limit: Duration) -> Result<NodeDialer, InvalidOption> {
        let Topology::Server(url) = self.topology.clone() else {
            return Err(invalid("has a sentinel that is no single server: give its URL"));
        };
        let dialer = self.dialer(&url, limit)?;
        if !matches!(dialer.address, ConnectionAddr::Tcp(..)) {
            return Err(invalid(
                "has a sentinel at a socket of this machine, where no other machine is told of: give its `redis://` URL",
            ));
        }
        Ok(NodeDialer { role: Role::Sentinel, ..dialer })
    }
}

fn invalid(problem: &'static str) -> InvalidOption {
    InvalidOption::new("redis", problem)
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

impl From<String> for Redis {
    fn from(url: String) -> Self {
        Self::server(url)
    }
}

impl From<&String> for Redis {
    fn from(url: &String) -> Self {
        Self::server(url)
    }
}

impl From<&str> for Redis {
    fn from(url: &str) -> Self {
        Self::server(url)
    }
}

impl From<Cow<'_, str>> for Redis {
    fn from(url: Cow<'_, str>) -> Self {
        Self::server(url)
    }
}
