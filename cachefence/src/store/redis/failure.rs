//! Failures: what an error of the Redis client means for the store.
//!
//! An error is sorted by its kind and code into one [`FailureKind`]. The table in
//! [`FailureKind::meaning`] then says in one place what each kind means for the breaker, the link
//! and a read. The messages are for those who operate the program: they say what happened
//! and what to do, but quote neither a key nor a password.

use std::fmt;
use std::time::Duration;

use redis::{ErrorKind, ParsingError, RedisError, ServerErrorKind};

use super::redirect::Redirect;
use super::words;
use crate::error::StoreError;

/// The reply of a server, or the reason why there is none of use.
pub(super) type Answer<T> = Result<T, Unanswered>;

/// Why a command gave no result, before it is known what that means.
#[derive(Debug, Clone)]
pub(super) enum Unanswered {
    /// There was no connection to send it over.
    NotSent(Failure),
    /// The server refused, or the connection failed.
    Failed(RedisError),
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self::NotSent(failure)
    }
}

impl From<RedisError> for Unanswered {
    fn from(error: RedisError) -> Self {
        Self::Failed(error)
    }
}

impl From<ParsingError> for Unanswered {
    fn from(error: ParsingError) -> Self {
        Self::Failed(error.into())
    }
}

/// Why a command gave no result.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    /// The error that the store returns for this failure.
    pub(super) error: StoreError,
    /// Where a node of a cluster says that the key is.
    pub(super) redirect: Option<Box<Redirect>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The key holds something else than a string.
    WrongType,
    /// The server refuses to run scripts, now and later.
    NoScripting,
    /// The connection is of no use: it was not accepted, or its replies do not answer what was asked.
    BadConnection,
    /// The connection is gone, with all commands under way on it.
    Lost,
    /// The server takes no writes, because it is full. Reads go on.
    Full,
    /// The server takes no writes, because it is a replica: the primary is elsewhere now. Reads go on.
    Replica,
    /// The server takes no commands now: it loads its data, or is a replica without its primary.
    NotReady,
    /// No reply came in time.
    Late,
    /// No reply came in time, because a large value was still arriving.
    Congested,
    /// The node of a cluster holds the key no more: another does, which it names.
    Moved,
    /// The node of a cluster is handing the key's slot to another, and does not hold the key itself.
    Ask,
    /// The node of a cluster is handing the key's slot to another, and the names of a step are not all on one side.
    TryAgain,
    /// No node of the cluster holds the key's slot now. Other slots are served.
    Unserved,
    /// The cluster serves no key now.
    ClusterDown,
    /// The server does not let this user run the command.
    Forbidden,
    /// The server does not know the command, or does not speak the protocol.
    Unsupported,
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
    /// What becomes of the link.
    pub(super) link: Fate,
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

/// When a link is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Never: it is kept.
    Kept,
    /// At once: its connections are of no use.
    AtOnce,
    /// At once, and once a second at most: it is busy with a large value.
    OnceASecond,
    /// Once another is connected, and once a second at most: it leads to the wrong server, which still serves what it
    /// can.
    WhenConnected,
}

/// What becomes of a read that failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// There is no entry; the next load writes over what is there.
    Miss,
    /// The read is sent once more, on the next connection.
    Again,
    /// The read is sent once more, to the node that was named.
    Elsewhere,
    /// The read fails.
    Error,
}

impl FailureKind {
    /// Each kind of failure has its meaning for the breaker, the link and the caller of a read.
    #[rustfmt::skip]
    #[allow(clippy::match_same_arms)] // a row for each kind
    pub(super) const fn meaning(self) -> Meaning {
        use Counted::{Answer, Loss, Nothing};
        use Fate::{AtOnce, Kept, OnceASecond, WhenConnected};
        let (breaker, link, read) = match self {
            Self::WrongType     => (Answer,           Kept,     Read::Miss),
            Self::NoScripting   => (Answer,           Kept,     Read::Error),
            Self::Full          => (Answer,           Kept,     Read::Error),
            Self::Replica       => (Answer,           WhenConnected,  Read::Error),
            Self::NotReady      => (Counted::Failure, WhenConnected,  Read::Error),
            Self::BadConnection => (Counted::Failure, AtOnce, Read::Error),
            Self::Lost          => (Loss,             AtOnce, Read::Again),
            Self::Late          => (Counted::Failure, Kept,     Read::Error), // unless it is silent
            Self::Congested     => (Nothing,          OnceASecond,     Read::Again),
            Self::Moved         => (Answer,           Kept,     Read::Elsewhere),
            Self::Ask           => (Answer,           Kept,     Read::Elsewhere),
            Self::TryAgain      => (Answer,           Kept,     Read::Error),
            Self::Unserved      => (Answer,           Kept,     Read::Error),
            Self::ClusterDown   => (Counted::Failure, Kept,     Read::Error),
            Self::Forbidden     => (Counted::Failure, Kept,     Read::Error),
            Self::Unsupported   => (Counted::Failure, Kept,     Read::Error),
            Self::Failed        => (Counted::Failure, Kept,     Read::Error),
            Self::LeftAlone     => (Nothing,          Kept,     Read::Error),
        };
        Meaning { breaker, link, read }
    }
}

impl From<Failure> for StoreError {
    fn from(Failure { kind, error, .. }: Failure) -> Self {
        if kind == FailureKind::Lost { error.into_lost() } else { error }
    }
}

/// An error of which nothing more is known, such as that of a call outside a runtime.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self { kind: FailureKind::Failed, error, redirect: None }
    }
}

impl Failure {
    pub(super) fn new(kind: FailureKind, message: String) -> Self {
        Self { kind, error: StoreError::new(message), redirect: None }
    }

    /// Whether the server could not be asked at all, because it is not there or does not serve yet.
    pub(super) fn is_unreachable(&self) -> bool {
        use FailureKind::{ClusterDown, Late, Lost, NotReady};
        matches!(self.kind, ClusterDown | Late | Lost | NotReady)
    }

    /// Whether a step was refused because its key's slot is being handed to another node.
    pub(super) fn is_migrating(&self) -> bool {
        matches!(self.kind, FailureKind::Ask | FailureKind::TryAgain)
    }

    /// Whether the failure may be a sign that keys are on other nodes of the cluster now.
    pub(super) fn may_have_moved(&self) -> bool {
        use FailureKind::{
            BadConnection, ClusterDown, Late, LeftAlone, Lost, Moved, NotReady, Replica, Unserved,
        };
        matches!(
            self.kind,
            BadConnection
                | ClusterDown
                | Late
                | LeftAlone
                | Lost
                | Moved
                | NotReady
                | Replica
                | Unserved
        )
    }

    pub(super) fn timeout(server: &dyn fmt::Display, limit: Duration) -> Self {
        let message = format!("Redis at {server} did not answer within {limit:?}");
        Self::new(FailureKind::Late, message)
    }

    /// The failure of an operation whose connection is gone.
    pub(super) fn lost(server: &dyn fmt::Display) -> Self {
        Self::new(FailureKind::Lost, format!("the connection to Redis at {server} was lost"))
    }

    /// The failure of an operation that has to wait until a large value has arrived.
    pub(super) fn congested(server: &dyn fmt::Display) -> Self {
        let message = format!(
            "Redis at {server} did not answer in time, because a large value was arriving over the same connection"
        );
        Self::new(FailureKind::Congested, message)
    }

    /// Sorts what came instead of an answer.
    pub(super) fn of(server: &dyn fmt::Display, unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NotSent(failure) => failure,
            Unanswered::Failed(error) => Self::classify(server, error),
        }
    }

    /// The failure of an operation that is not sent, because its lane is left alone, with the `problem`.
    pub(super) fn left_alone(problem: String) -> Self {
        let error = StoreError::down(problem);
        Self { kind: FailureKind::LeftAlone, error, redirect: None }
    }

    /// Sorts an error by its kind and code. The text of a server's error may quote the command, and
    /// so the key: the text is looked at here, and never passed on.
    pub(super) fn classify(server: &dyn fmt::Display, error: RedisError) -> Self {
        use ErrorKind::{
            AuthenticationFailed, InvalidClientConfig, Io, Parse, UnexpectedReturnType,
        };
        use FailureKind::{
            Ask, BadConnection, ClusterDown, Failed, Forbidden, Full, Late, Lost, Moved,
            NoScripting, NotReady, Replica, TryAgain, Unserved, Unsupported, WrongType,
        };
        use ServerErrorKind::{NoPerm, ResponseError};
        let detail = error.detail().unwrap_or_default();
        let redirect = Redirect::of(&error);
        let refuses_scripts = match error.kind() {
            ErrorKind::Server(NoPerm) => names_scripting(detail),
            ErrorKind::Server(ResponseError) => {
                detail.starts_with("unknown command") && names_scripting(detail)
            }
            _ => false,
        };
        let (kind, message) = match (error.kind(), error.code().unwrap_or_default()) {
            (Io, _) => {
                let kind = if error.is_timeout() { Late } else { Lost };
                let message = format!(
                    "cannot reach Redis at {server}; is it running, and is the address right?"
                );
                let error = StoreError::new(message).with_source(error);
                return Self { kind, error, redirect: None };
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
                format!("Redis at {server} refused the credentials; check user and password"),
            ),
            _ if refuses_scripts => {
                (NoScripting, format!("Redis at {server} refuses to run scripts"))
            }
            (ErrorKind::Server(NoPerm), _) => (
                Forbidden,
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
            (ErrorKind::RESP3NotSupported, _) => {
                (Unsupported, format!("Redis at {server} does not speak RESP3"))
            }
            (kind, "") => (
                if matches!(kind, Parse | UnexpectedReturnType) { BadConnection } else { Failed },
                format!("Redis at {server} gave an unusable reply ({})", error.category()),
            ),
            (_, code) => {
                let kind = match code {
                    // `EXECABORT` is how a transaction tells of the others.
                    "OOM" | "MISCONF" | "NOREPLICAS" | "EXECABORT" => Full,
                    "READONLY" => Replica,
                    "MASTERDOWN" | "LOADING" => NotReady,
                    "MOVED" => Moved,
                    "ASK" => Ask,
                    "TRYAGAIN" => TryAgain,
                    "CLUSTERDOWN" if detail.starts_with("Hash slot") => Unserved,
                    "CLUSTERDOWN" => ClusterDown,
                    "NOPROTO" => Unsupported,
                    _ if is_unknown(detail) => Unsupported,
                    _ => Failed,
                };
                // A code is in capitals. Anything else is text, which may quote what was sent.
                let is_code = code.bytes().all(|byte| byte.is_ascii_uppercase());
                let said = if is_code { code } else { "an error without a code" };
                (kind, format!("Redis at {server} answered {said}{}", words::advice(code)))
            }
        };
        let redirect = redirect.map(Box::new);
        Self { redirect, ..Self::new(kind, message) }
    }
}

/// Whether a server says that it does not know a command.
fn is_unknown(detail: &str) -> bool {
    detail.starts_with("unknown command") || detail.starts_with("unknown subcommand")
}

/// Whether a server's refusal is about scripts: it names the command, in quotes since Redis 7 and in
/// backticks before.
fn names_scripting(detail: &str) -> bool {
    let detail = detail.to_ascii_lowercase().replace('`', "'");
    ["'evalsha", "'eval'", "'script"].iter().any(|command| detail.contains(command))
}
