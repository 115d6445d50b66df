//! What the test process and a worker say to each other, one JSON document a line.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// From the test to a worker, over its standard input. The end of the input ends the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Builds the cache; the first command, and only once.
    Connect(Options),
    /// Starts `count` callers on `key`, numbered from `first`.
    Call {
        /// The number of the first caller.
        first: u64,
        /// How many.
        count: u64,
        /// What they all ask for.
        key: String,
        /// With which ttl.
        ttl: Duration,
        /// How they call.
        how: How,
    },
    /// Drops the future of a caller.
    Cancel {
        /// Which one.
        call: u64,
    },
    /// Answers a load.
    Answer {
        /// Which one.
        load: u64,
        /// How it ends.
        end: LoadEnd,
    },
    /// Invalidates `key`.
    Invalidate {
        /// Comes back in [`Event::Invalidated`].
        id: u64,
        /// Which key.
        key: String,
    },
    /// Asks for [`Event::Settled`].
    Settle,
    /// Asks for [`Event::Clock`].
    Clock,
}

/// How a caller calls.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct How {
    /// Whether tasks load for the caller.
    pub detached: bool,
    /// After how long the caller drops its call.
    pub deadline: Option<Duration>,
}

/// How a load ends, and what it has read: an error, or a panic, says as much about the data as a value does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadEnd {
    /// By a value.
    Value(Row),
    /// By a value that is not to be cached.
    NotCached(Row),
    /// By an error.
    Error(Row),
    /// By a panic.
    Panic(Row),
}

/// The options of a worker's cache.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// `Builder::redis`; several URLs, with a space between them, are the nodes of a cluster.
    pub url: String,
    /// `Builder::namespace`.
    pub namespace: String,
    /// `Builder::op_timeout`.
    pub op_timeout: Duration,
    /// `Builder::beta`.
    pub beta: f64,
    /// `Builder::lock_timeout`.
    pub lock_timeout: Duration,
    /// `Builder::wait_for_lock`.
    pub wait_for_lock: Duration,
    /// `Builder::stale_if_error`.
    pub stale_if_error: Duration,
    /// `Builder::retry_after`.
    pub retry_after: Duration,
}

impl Default for Options {
    /// Those of the builder, and no server.
    fn default() -> Self {
        Self {
            url: String::new(),
            namespace: String::new(),
            op_timeout: Duration::from_millis(250),
            beta: 1.0,
            lock_timeout: Duration::from_secs(2),
            wait_for_lock: Duration::from_secs(5),
            stale_if_error: Duration::ZERO,
            retry_after: Duration::from_secs(1),
        }
    }
}

/// What a load reads and the cache holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The key that it was read for.
    pub key: String,
    /// The version of the data.
    pub version: u64,
    /// The number of the read: no two loads have the same.
    pub read: u64,
}

/// From a worker to the test, over its standard output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// The cache is built, or why it is not.
    Connected(Result<(), String>),
    /// A load has started and asks the database. It waits for [`Command::Answer`].
    Loading {
        /// Names it in the answer.
        load: u64,
        /// The caller that runs it.
        call: u64,
        /// What it reads.
        key: String,
    },
    /// A call has returned.
    Returned {
        /// Which one.
        call: u64,
        /// With what.
        outcome: Outcome,
    },
    /// The future of a call is dropped, because the test or the call's deadline says so.
    Cancelled {
        /// Which one.
        call: u64,
    },
    /// An `invalidate` has returned.
    Invalidated {
        /// Which one.
        id: u64,
        /// With what.
        result: Result<(), String>,
    },
    /// Whatever the callers that were started before [`Command::Settle`] could do without waiting for a load or a
    /// lock is done: their reads have been answered and they have acted on them.
    ///
    /// Exact on a worker of one thread.
    Settled,
    /// The worker's wall clock, since the epoch.
    Clock(Duration),
}

/// What a call returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// A value.
    Value(Row),
    /// The error of a load: what it failed to read.
    LoadFailed(Row),
    /// The panic of a load, which is to be its own.
    Panicked(Row),
    /// Any other error, none of which a test expects.
    Error(String),
}
