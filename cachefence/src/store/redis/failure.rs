//! Failures: what an error of the Redis client means for the store.
//!
//! An error is sorted by its kind and code into one [`FailureKind`]. The table in
//! [`FailureKind::meaning`] then says in one place what each kind means for the breaker, the connections,
//! the clock and a read. The messages are for those who operate the program: they say what happened
//! and what to do, but quote neither a key nor a password.

use std::time::Duration;

use redis::{ConnectionAddr, ErrorKind, RedisError, ServerErrorKind};

use crate::error::StoreError;

/// Why a command gave no result.
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    /// The error that the store returns for this failure.
    pub(super) error: StoreError,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The key holds something else than a string.
    WrongType,
    /// The server refuses to run scripts, now and later.
    NoScripting,
    /// The connection is of no use: it was not accepted, or its replies do not answer what was asked.
    BadConnection,
    /// The connection is gone, with all commands under way on it. Another connection is there
    /// already, or will be soon.
    Lost,
    /// The server takes no writes: it is full, or a replica. Reads go on.
    ReadOnly,
    /// Anything else.
    Failed,
    /// The server was not asked, because it has failed too often.
    LeftAlone,
}

/// What a failure means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// What the breaker counts it as.
    pub(super) breaker: Counted,
    /// Whether the connections are made anew.
    pub(super) renews_link: bool,
    /// Whether the server that answers next may be another one, with another clock.
    pub(super) doubts_clock: bool,
    /// What becomes of the read of a caller.
    pub(super) read: Read,
}

/// What the breaker counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// The server has answered, whatever it said.
    Answer,
    /// One failure.
    Failure,
    /// A lost connection, which fails all that is under way on it and is one failure.
    Loss,
    /// Nothing: the server was not asked.
    Nothing,
}

/// What becomes of a read that failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// There is no entry; the next load writes over what is there.
    Miss,
    /// The read is sent once more, on the next connection.
    Again,
    /// The read fails.
    Error,
}

impl FailureKind {
    /// What each kind of failure means for the breaker, the link, the clock and the caller of a read.
    #[rustfmt::skip]
    #[allow(clippy::match_same_arms)] // a row for each kind
    pub(super) const fn meaning(self) -> Meaning {
        use Counted::{Answer, Loss, Nothing};
        let (breaker, renews_link, doubts_clock, read) = match self {
            Self::WrongType     => (Answer,           false, false, Read::Miss),
            Self::NoScripting   => (Answer,           false, false, Read::Error),
            Self::ReadOnly      => (Answer,           false, false, Read::Error),
            Self::BadConnection => (Counted::Failure, true,  false, Read::Error),
            Self::Lost          => (Loss,             false, true,  Read::Again),
            Self::Failed        => (Counted::Failure, false, true,  Read::Error),
            Self::LeftAlone     => (Nothing,          false, false, Read::Error),
        };
        Meaning { breaker, renews_link, doubts_clock, read }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// An error of which nothing more is known, such as that of a call outside a runtime.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self { kind: FailureKind::Failed, error }
    }
}

impl Failure {
    fn new(kind: FailureKind, message: String) -> Self {
        Self { kind, error: StoreError::new(message) }
    }

    pub(super) fn timeout(server: &ConnectionAddr, limit: Duration) -> Self {
        let message = format!("Redis at {server} did not answer within {limit:?}");
        Self::new(FailureKind::Failed, message)
    }

    pub(super) fn left_alone(server: &ConnectionAddr) -> Self {
        let error = StoreError::down(format!(
            "Redis at {server} failed several times in a row and is left alone until it answers"
        ));
        Self { kind: FailureKind::LeftAlone, error }
    }

    /// Sorts an error by its kind and code. The text of a server's error may quote the command, and
    /// so the key: the text is looked at here, and never passed on.
    pub(super) fn classify(server: &ConnectionAddr, error: RedisError) -> Self {
        use ErrorKind::{
            AuthenticationFailed, InvalidClientConfig, Io, Parse, UnexpectedReturnType,
        };
        use FailureKind::{BadConnection, Failed, Lost, NoScripting, ReadOnly, WrongType};
        use ServerErrorKind::{NoPerm, ResponseError};
        let detail = error.detail().unwrap_or_default();
        let refuses_scripts = match error.kind() {
            ErrorKind::Server(NoPerm) => names_scripting(detail),
            ErrorKind::Server(ResponseError) => {
                detail.starts_with("unknown command") && names_scripting(detail)
            }
            _ => false,
        };
        let (kind, message) = match (error.kind(), error.code().unwrap_or_default()) {
            (Io, _) => {
                let kind = if error.is_timeout() { Failed } else { Lost };
                let message = format!(
                    "cannot reach Redis at {server}; is it running, and is the address right?"
                );
                return Self { kind, error: StoreError::new(message).with_source(error) };
            }
            (InvalidClientConfig, _) => (
                BadConnection,
                format!(
                    "the connection to Redis at {server} is misconfigured: {}",
                    error.category()
                ),
            ),
            (AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS") => (
                BadConnection,
                format!(
                    "Redis at {server} refused the credentials; check user and password in the URL"
                ),
            ),
            _ if refuses_scripts => {
                (NoScripting, format!("Redis at {server} refuses to run scripts"))
            }
            (ErrorKind::Server(NoPerm), _) => (
                Failed,
                format!(
                    "Redis at {server} does not let this user run a command or touch a key \
                     (NOPERM); give it GET, MGET, SET, DEL, PTTL, GETRANGE, SETRANGE, TIME, EVALSHA \
                     and SCRIPT on the keys that begin with this namespace"
                ),
            ),
            (_, "WRONGTYPE") => (
                WrongType,
                format!(
                    "Redis at {server} holds another type than a string under the name of an entry"
                ),
            ),
            (kind, "") => (
                if matches!(kind, Parse | UnexpectedReturnType) { BadConnection } else { Failed },
                format!("Redis at {server} gave an unusable reply ({})", error.category()),
            ),
            (_, code) => {
                // `EXECABORT` is how a transaction tells of the others.
                let is_read_only =
                    matches!(code, "OOM" | "READONLY" | "MISCONF" | "NOREPLICAS" | "EXECABORT");
                let kind = if is_read_only { ReadOnly } else { Failed };
                (kind, format!("Redis at {server} answered {code}"))
            }
        };
        Self::new(kind, message)
    }
}

/// Whether a server will never tell what has changed: it does not speak RESP3, does not know `CLIENT
/// TRACKING`, or does not let this user have it.
pub(super) fn cannot_push(error: &RedisError) -> bool {
    let unknown = || {
        error.detail().is_some_and(|detail| {
            detail.starts_with("unknown command") || detail.starts_with("unknown subcommand")
        })
    };
    match error.kind() {
        ErrorKind::RESP3NotSupported | ErrorKind::Server(ServerErrorKind::NoPerm) => true,
        ErrorKind::Server(ServerErrorKind::ResponseError) => unknown(),
        _ => error.code() == Some("NOPROTO"),
    }
}

/// Whether a server's refusal is about scripts: it names the command, in quotes since Redis 7 and in
/// backticks before.
fn names_scripting(detail: &str) -> bool {
    let detail = detail.to_ascii_lowercase().replace('`', "'");
    ["'evalsha", "'eval'", "'script"].iter().any(|command| detail.contains(command))
}
