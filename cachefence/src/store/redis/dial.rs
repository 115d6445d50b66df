//! Dialing: how a connection to a server at a known address is made.
//!
//! An attempt asks for credentials, resolves the name, connects, speaks TLS, logs in and selects the database, all
//! within one limit. Each of these steps says in its own words how it failed. None shows a secret.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ErrorKind, ProtocolVersion, PushInfo,
    RedisConnectionInfo, RedisError,
};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::credentials::Provider;
use super::dialed::Dialed;
use super::failure::{Failure, FailureKind};
use super::stream::{Received, Socket, Stream};
use super::tls::Connector;
use super::words::{holds, said};
use crate::error::{InvalidOption, StoreError};
use crate::time::in_time_from;

/// How many commands may queue for a connection before callers wait for their turn.
const PIPELINE: usize = 1_024;

/// How a URL has no TLS spoken, as advice says it.
const PLAIN_URL: &str = "write `redis://`";

/// Makes connections to one server, each within a time limit of its own. `Display` says which, for messages.
pub(super) struct NodeDialer {
    pub(super) address: ConnectionAddr,
    pub(super) role: Role,
    /// The user, the password, the database and the protocol that the URL names.
    pub(super) login: RedisConnectionInfo,
    pub(super) credentials: Option<Provider>,
    pub(super) tls: Option<Connector>,
    pub(super) limit: Duration,
}

/// Whose address a dialer has.
#[derive(Clone)]
pub(super) enum Role {
    /// The address is that of a server, which the user has given, or a node of a cluster.
    Server,
    /// The address is that of a sentinel.
    Sentinel,
    /// The address is what sentinels say of the primary of this name.
    Primary(String),
}

/// For what a connection is made.
#[derive(Clone)]
pub(super) struct Purpose {
    /// Whether the connection speaks RESP3.
    pushes: bool,
    config: AsyncConnectionConfig,
}

/// A step of an attempt.
#[derive(Clone, Copy)]
enum Step {
    Credentials,
    Connect,
    Tls,
    Login,
}

impl Purpose {
    /// A connection for commands.
    pub(super) fn commands() -> Self {
        Self { pushes: false, config: config() }
    }

    /// A connection on which the server can tell of changes; `push` takes that in.
    pub(super) fn pushes(push: impl Fn(&PushInfo) + Send + Sync + 'static) -> Self {
        let push = move |info: PushInfo| {
            push(&info);
            Ok::<(), ()>(())
        };
        Self { pushes: true, config: config().set_push_sender(push) }
    }
}

impl NodeDialer {
    /// A dialer to another node of the same cluster.
    pub(super) fn to(&self, host: &str, port: u16) -> Result<Self, InvalidOption> {
        let tls = self.tls.as_ref().map(|tls| tls.to(host)).transpose()?;
        Ok(Self {
            address: ConnectionAddr::Tcp(host.to_owned(), port),
            role: self.role.clone(),
            login: self.login.clone(),
            credentials: self.credentials.clone(),
            tls,
            limit: self.limit,
        })
    }

    /// How long an attempt may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Makes a connection, in the time that an attempt may take from `begun` on.
    pub(super) async fn dial(&self, begun: Instant, purpose: Purpose) -> Result<Dialed, Failure> {
        let runtime = runtime()?;
        let mut login = self.in_time(begun, Step::Credentials, self.login()).await?;
        if purpose.pushes {
            login = login.set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
        }
        let socket = async {
            Socket::connect(&self.address)
                .await
                .map_err(|error| Failure::classify(self, error.into()))
        };
        let socket = self.in_time(begun, Step::Connect, socket).await?;
        let received = socket.received();
        let stream = self.encrypted(begun, socket).await?;
        let made = async {
            MultiplexedConnection::new_with_config(&login, stream, purpose.config)
                .await
                .map_err(|error| self.refused(error, &login, &received))
        };
        let made = self.in_time(begun, Step::Login, made).await?;
        Ok(Dialed::new(made, &runtime, received, login.password().unwrap_or_default()))
    }

    /// The login, with the credentials of the closure if there is one.
    async fn login(&self) -> Result<RedisConnectionInfo, Failure> {
        // The client tells its name, which also shows that the other end answers.
        let login = self.login.clone();
        let Some(provider) = &self.credentials else { return Ok(login) };
        match provider.ask().await {
            Ok(credentials) => {
                Ok(login.set_username(credentials.user).set_password(credentials.password))
            }
            Err(error) => Err(self.failed(
                FailureKind::Failed,
                &format!(
                    "was not asked, because the closure in `Redis::credentials` failed: {error}"
                ),
            )),
        }
    }

    async fn encrypted(&self, begun: Instant, socket: Socket) -> Result<Stream, Failure> {
        let Some(tls) = &self.tls else { return Ok(Stream::Plain(socket)) };
        let connected = async {
            let failed = |why: String| {
                let why = why.replace(PLAIN_URL, self.without_tls());
                self.failed(FailureKind::BadConnection, &why)
            };
            tls.connect(socket).await.map_err(failed)
        };
        self.in_time(begun, Step::Tls, connected).await
    }

    async fn in_time<T>(
        &self,
        begun: Instant,
        step: Step,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        if let Some(done) = in_time_from(begun, self.limit, pin!(work)).await {
            return done;
        }
        let limit = self.limit;
        let kind = Failure::timeout(self, limit).kind;
        Err(self.failed(
            kind,
            &match step {
                Step::Credentials => format!(
                    "was not asked, because the closure in `Redis::credentials` took longer than {limit:?}"
                ),
                Step::Connect => format!(
                    "cannot be reached within {limit:?}: is the address right, and does a firewall let it through?"
                ),
                Step::Tls => format!(
                    "did not answer the TLS handshake within {limit:?}: if this is not its TLS port, {}",
                    self.without_tls()
                ),
                Step::Login => format!("did not answer the login within {limit:?}"),
            },
        ))
    }

    /// Why the server did not accept `login`. The server's words are shown where they hold no secret.
    fn refused(
        &self,
        error: RedisError,
        login: &RedisConnectionInfo,
        received: &Received,
    ) -> Failure {
        let password = login.password().unwrap_or_default();
        let said = said(&error, password);
        let quoted = quoted(said);
        let selects = error.to_string().contains("refused to switch database");
        let is_login = matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
            || error.kind() == ErrorKind::AuthenticationFailed;
        let told = if let Some(why) = self.wire_trouble(&error, received) {
            Some(why)
        } else if is_login {
            Some(self.unknown_user(said))
        } else if selects && error.detail().is_some_and(|said| said.contains("permissions")) {
            let db = login.db();
            Some(format!(
                "does not let this user use database {db}; add `+select` to its rules (ACL SETUSER)"
            ))
        } else if selects {
            Some(format!(
                "refused database {} of the URL{quoted}; give another number, or raise `databases` in the \
                 server's configuration",
                login.db()
            ))
        } else if error.code().is_some_and(|code| holds(code, password)) {
            Some(
                "refused the login, in words that are not shown because they hold the secret"
                    .to_owned(),
            )
        } else if let (Some(code), Some(words)) = (error.code(), said) {
            Some(format!("answered the login with {code} ({words})"))
        } else {
            None
        };
        let mut failure = Failure::classify(self, error);
        if let Some(told) = told {
            failure = self.failed(failure.kind, &told);
        }
        failure
    }

    /// The sentence that the server does not take the credentials, as it `said`, or asks for some.
    fn unknown_user(&self, said: Option<&str>) -> String {
        let advice = match (&self.credentials, &self.role) {
            (Some(_), _) => "check what the closure in `Redis::credentials` returns",
            (None, Role::Server) => "check user and password in the URL",
            (None, Role::Sentinel) => "check user and password in the URL of this sentinel",
            (None, Role::Primary(_)) => {
                "give its user and password with `credentials(..)` on `Redis::sentinel`, because those in the URLs are \
                 the sentinels' own"
            }
        };
        format!("refused the credentials{}; {advice}", quoted(said))
    }

    /// The failure of a command that was refused. A server that needs no login to connect may refuse the first
    /// command for the want of one.
    pub(super) fn refused_command(&self, error: RedisError, password: &str) -> Failure {
        if error.code() == Some("NOAUTH") {
            let why = self.unknown_user(said(&error, password));
            return self.failed(FailureKind::BadConnection, &why);
        }
        Failure::classify(self, error)
    }

    /// The likely reason, judged by its first bytes, why a connection ended during the login or made no sense.
    fn wire_trouble(&self, error: &RedisError, received: &Received) -> Option<String> {
        /// The type of a TLS record that holds an alert.
        const ALERT: u8 = 21;
        let ended = error.kind() == ErrorKind::Io;
        if let Some(tls) = &self.tls {
            let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
            return cause
                .and_then(|cause| tls.explain(cause))
                .or_else(|| ended.then(|| tls.demands()));
        }
        if received.first() == Some(ALERT) {
            let how = self.with_tls();
            return Some(format!("speaks TLS at this port: {how}, or give its plain port"));
        }
        let silent = ended && received.first().is_none();
        silent.then(|| {
            let how = self.with_tls();
            format!("ended the connection before it answered: if this is its TLS port, {how}")
        })
    }

    /// How the user has TLS spoken.
    fn with_tls(&self) -> &'static str {
        match self.role {
            Role::Server | Role::Sentinel => "write `rediss://`",
            Role::Primary(_) => "call `tls(..)` on `Redis::sentinel`",
        }
    }

    /// How the user has no TLS spoken.
    fn without_tls(&self) -> &'static str {
        match self.role {
            Role::Server | Role::Sentinel => PLAIN_URL,
            Role::Primary(_) => "leave `tls(..)` on `Redis::sentinel` out",
        }
    }

    fn failed(&self, kind: FailureKind, why: &str) -> Failure {
        Failure::new(kind, format!("Redis at {self} {why}"))
    }
}

impl fmt::Display for NodeDialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.address;
        match &self.role {
            Role::Server => write!(f, "{address}"),
            Role::Sentinel => write!(f, "{address} (a sentinel)"),
            Role::Primary(name) => write!(f, "{address} (the primary `{name}`)"),
        }
    }
}

/// The words of a server, in brackets.
fn quoted(said: Option<&str>) -> String {
    said.map(|words| format!(" ({words})")).unwrap_or_default()
}

/// The options of every connection. The client sets no time limits, because the dialer bounds each attempt, and
/// each caller its own wait.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(PIPELINE)
}

/// The runtime that a connection's tasks run on.
pub(super) fn runtime() -> Result<Handle, StoreError> {
    Handle::try_current()
        .map_err(|_| StoreError::new("Redis is used outside a tokio runtime; call from inside one"))
}
