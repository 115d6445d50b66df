//! The command line of a worker.

use crate::subject::Kind;

/// What a worker's command line says.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The subject to run.
    pub kind: Kind,
    /// The URL of the server.
    pub url: String,
    /// How many entries a cache in memory has.
    pub entries: usize,
    /// How many threads the runtime has.
    pub threads: usize,
}

impl Setup {
    /// Reads `<kind> <url> <entries> <threads>`.
    pub fn of_arguments(arguments: &[String]) -> Option<Self> {
        let [kind, url, entries, threads] = arguments else { return None };
        Some(Self {
            kind: Kind::of_argument(kind)?,
            url: url.clone(),
            entries: entries.parse().ok()?,
            threads: threads.parse().ok()?,
        })
    }
}
