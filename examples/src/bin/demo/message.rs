//! What a worker tells the page's process: one line of JSON for each of these, on its standard output.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// The worker serves on this port of 127.0.0.1.
    Listening { port: u16 },
    /// A reader of the fenced side was drawn to refresh a value that is still valid, and its load has begun.
    Early,
    /// A load of the fenced side began; without the lease for this reason, if there is one.
    LoadBegan { bypass: Option<String> },
    /// It is over.
    LoadOver { outcome: String, bypass: Option<String>, took_ms: f64 },
    /// What the worker has counted, several times a second.
    Counts(Counts),
}

/// Totals since the worker started, but for the last four.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) naive_queries: u64,
    pub(crate) fenced_queries: u64,
    /// Answers with a value past its ttl.
    pub(crate) stale: u64,
    /// How many queries run now.
    pub(crate) naive_running: usize,
    pub(crate) fenced_running: usize,
    /// For how long the fenced value is still valid, in seconds; `None` where there is none.
    pub(crate) ttl: Option<f64>,
    /// The health of the store, as the cache sees it.
    pub(crate) store: String,
}
