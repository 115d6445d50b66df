//! Failures: what an error of the Redis client means for the store.
//!
//! An error is sorted by its kind and code into one kind of [`Failure`]. The table in
//! [`Failure::meaning`] then says in one place what each kind means for the breaker, the connections,
//! the clock and a read. The messages are for those who operate the program: they say what happened
//! and what to do, but quote neither a key nor a password.

use std::time::Duration;

use redis::{ConnectionAddr, ErrorKind, RedisError, ServerErrorKind};

use crate::error::StoreError;

/// Why a command gave no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The key holds something else than a string.
    WrongType,
    /// The server refuses to run scripts, now and later.
    NoScripting,
    /// The connection is of no use: it was not accepted, or its replies do not answer what was asked.
    BadConnection(StoreError),
    /// The connection is gone, with all commands under way on it. Another connection is there
    /// already, or will be soon.
    Lost(StoreError),
    /// The server takes no writes: it is full, or a replica. Reads go on.
    ReadOnly(StoreError),
    /// Anything else.
    Failed(StoreError),
    /// The server was not asked, because it has failed too often.
    LeftAlone,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// There is no entry; the next load writes over what is there.
    Miss,
    /// The read is sent once more, on the next connection.
    Again,
    /// The read fails.
    Error,
}

impl Failure {
    /// What each kind of failure means for the breaker, the link, the clock and the caller of a read.
    #[rustfmt::skip]
    #[allow(clippy::match_same_arms)] // a row for each kind
    pub(super) const fn meaning(&self) -> Meaning {
        use Counted::{Answer, Loss, Nothing};
        let (breaker, renews_link, doubts_clock, read) = match self {
            Self::WrongType        => (Answer,           false, false, Read::Miss),
            Self::NoScripting      => (Answer,           false, false, Read::Error),
            Self::ReadOnly(_)      => (Answer,           false, false, Read::Error),
            Self::BadConnection(_) => (Counted::Failure, true,  false, Read::Error),
            Self::Lost(_)          => (Loss,             false, true,  Read::Again),
            Self::Failed(_)        => (Counted::Failure, false, true,  Read::Error),
            Self::LeftAlone        => (Nothing,          false, false, Read::Error),
        };
        Meaning { breaker, renews_link, doubts_clock, read }
    }

    /// The error of a failure that the breaker counts.
    pub(super) fn error(&self) -> Option<&StoreError> {
        match self {
            Self::BadConnection(error)
            | Self::Lost(error)
            | Self::ReadOnly(error)
            | Self::Failed(error) => Some(error),
            Self::WrongType | Self::NoScripting | Self::LeftAlone => None,
        }
    }

    pub(super) fn timeout(server: &ConnectionAddr, limit: Duration) -> Self {
        Self::Failed(StoreError::new(format!("Redis at {server} did not answer within {limit:?}")))
    }

    /// Sorts an error by its kind and code. The text of a server's error may quote the command, and
    /// so the key: the text is looked at here, and never passed on.
    pub(super) fn classify(server: &ConnectionAddr, error: RedisError) -> Self {
        let code = error.code().unwrap_or_default().to_owned();
        let detail = error.detail().unwrap_or_default();
        let kind = error.kind();
        match kind {
            ErrorKind::AuthenticationFailed => return Self::credentials(server),
            ErrorKind::InvalidClientConfig => {
                return Self::BadConnection(StoreError::new(format!(
                    "the connection to Redis at {server} is misconfigured: {}",
                    error.category()
                )));
            }
            ErrorKind::Io => {
                let timed_out = error.is_timeout();
                let message = format!(
                    "cannot reach Redis at {server}; is it running, and is the address right?"
                );
                let error = StoreError::new(message).with_source(error);
                return if timed_out { Self::Failed(error) } else { Self::Lost(error) };
            }
            ErrorKind::Server(ServerErrorKind::NoPerm) if names_scripting(detail) => {
                return Self::NoScripting;
            }
            ErrorKind::Server(ServerErrorKind::NoPerm) => {
                return Self::Failed(StoreError::new(format!(
                    "Redis at {server} does not let this user run a command or touch a key \
                     (NOPERM); give it GET, MGET, SET, DEL, PTTL, GETRANGE, SETRANGE, TIME, EVALSHA \
                     and SCRIPT on the keys that begin with this namespace"
                )));
            }
            ErrorKind::Server(ServerErrorKind::ResponseError)
                if detail.starts_with("unknown command") && names_scripting(detail) =>
            {
                return Self::NoScripting;
            }
            _ => {}
        }
        match code.as_str() {
            "WRONGTYPE" => Self::WrongType,
            "NOAUTH" | "WRONGPASS" => Self::credentials(server),
            "" => {
                let error = StoreError::new(format!(
                    "Redis at {server} gave an unusable reply ({})",
                    error.category()
                ));
                match kind {
                    ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
                        Self::BadConnection(error)
                    }
                    _ => Self::Failed(error),
                }
            }
            code => {
                let error = StoreError::new(format!("Redis at {server} answered {code}"));
                // `EXECABORT` is how a transaction tells of the others.
                match code {
                    "OOM" | "READONLY" | "MISCONF" | "NOREPLICAS" | "EXECABORT" => {
                        Self::ReadOnly(error)
                    }
                    _ => Self::Failed(error),
                }
            }
        }
    }

    fn credentials(server: &ConnectionAddr) -> Self {
        Self::BadConnection(StoreError::new(format!(
            "Redis at {server} refused the credentials; check user and password in the URL"
        )))
    }

    /// The error that the store returns for this failure.
    pub(super) fn into_store_error(self, server: &ConnectionAddr) -> StoreError {
        match self {
            Self::BadConnection(error)
            | Self::Lost(error)
            | Self::ReadOnly(error)
            | Self::Failed(error) => error,
            Self::WrongType => StoreError::new(format!(
                "Redis at {server} holds another type than a string under the name of an entry"
            )),
            Self::LeftAlone => StoreError::unsaid(format!(
                "Redis at {server} failed several times in a row and is left alone until it answers"
            )),
            Self::NoScripting => {
                StoreError::new(format!("Redis at {server} refuses to run scripts"))
            }
        }
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
