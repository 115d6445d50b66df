//! Credentials: who logs in to a server, and with which secret.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::BoxError;

/// A user and the password or token with which it logs in; see [`Redis::credentials`](crate::Redis::credentials).
///
/// `Debug` shows neither.
///
/// # Examples
///
/// ```
/// use cachefence::Credentials;
///
/// let credentials = Credentials::new("app", "a token of this hour");
/// assert!(!format!("{credentials:?}").contains("token"));
/// ```
#[derive(Clone)]
pub struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Credentials {
    /// The credentials of `user`. On a server that has a password and no users, the user is `default`.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// The closure of the user that is asked for credentials before each connection is made.
#[derive(Clone)]
pub(super) struct Provider(Arc<Ask>);

type Ask = dyn Fn() -> Pin<Box<dyn Future<Output = Provided> + Send>> + Send + Sync;

type Provided = Result<Credentials, BoxError>;

impl Provider {
    pub(super) fn new<F>(provider: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Provided> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(provider())))
    }

    pub(super) async fn ask(&self) -> Provided {
        (self.0)().await
    }
}
