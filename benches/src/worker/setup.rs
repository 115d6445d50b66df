//! The command line of a worker.

use crate::runtime::Runtime;
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
    /// The runtime.
    pub runtime: Runtime,
}

impl Setup {
    /// Reads `<kind> <url> <entries> <runtime>`.
    pub fn of_arguments(arguments: &[String]) -> Option<Self> {
        let [kind, url, entries, runtime] = arguments else { return None };
        Some(Self {
            kind: Kind::of_argument(kind)?,
            url: url.clone(),
            entries: entries.parse().ok()?,
            runtime: Runtime::of_argument(runtime)?,
        })
    }
}
