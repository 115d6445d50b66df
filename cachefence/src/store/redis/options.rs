//! The public options of a Redis store: which server, over what, as whom.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::address::Address;
use super::credentials::{Credentials, Provider};
use super::dial::Dialer;
#[cfg(feature = "tls")]
use super::tls::Tls;
use crate::error::{BoxError, InvalidOption};

/// A Redis server to keep entries on, for [`Builder::redis`](crate::Builder::redis) and
/// [`CacheFence::connect`](crate::CacheFence::connect). A `&str` or a `String` with the URL does, where there is
/// nothing else to say.
///
/// The URL is one of these:
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
    url: String,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    credentials: Option<Provider>,
}

impl Redis {
    /// The server at `url`.
    pub fn server(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            #[cfg(feature = "tls")]
            tls: None,
            credentials: None,
        }
    }

    /// How TLS is spoken, where the defaults of [`Tls`] do not do. The URL has to begin with `rediss://`.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Asks `provider` for the user and its password or token before each connection is made, for credentials that
    /// change while the program runs. The URL then holds none.
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

    /// What makes connections to the server, each within `limit`; does no I/O.
    pub(super) fn dialer(self, limit: Duration) -> Result<Dialer, InvalidOption> {
        let address = Address::parse(&self.url)?;
        let login = &address.login;
        let has_login = login.username().is_some() || login.password().is_some();
        if self.credentials.is_some() && has_login {
            return Err(InvalidOption::new(
                "redis",
                "has a user or password in its URL, and `credentials(..)` beside it: leave one of them out",
            ));
        }
        #[cfg(feature = "tls")]
        let tls = match (self.tls, address.tls) {
            (Some(_), false) => {
                return Err(InvalidOption::new(
                    "redis",
                    "has `tls(..)`, and a URL that does not ask for TLS: write `rediss://`",
                ));
            }
            (tls, true) => Some(tls.unwrap_or_default().connector(&address.server)?),
            (None, false) => None,
        };
        #[cfg(not(feature = "tls"))]
        let tls = if address.tls {
            return Err(InvalidOption::new(
                "redis",
                "asks for TLS (`rediss://`), which takes the feature `tls` of `cachefence`: write \
                 `features = [\"tls\"]` for it in Cargo.toml",
            ));
        } else {
            None
        };
        Ok(Dialer {
            address: address.server,
            login: address.login,
            credentials: self.credentials,
            tls,
            limit,
        })
    }
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
