//! The tokio runtime of a worker.

use std::io;

use tokio::runtime::Builder;

/// Which runtime runs a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// The current-thread runtime, as tests and small programs use.
    CurrentThread,
    /// The multi-thread runtime, as `#[tokio::main]` starts for a service, with this number of worker threads.
    MultiThread(usize),
}

impl Runtime {
    /// This runtime on a worker's command line. The current-thread one is `1`, as it was before there was a choice, so
    /// that this driver starts the workers of an earlier build too.
    pub fn argument(self) -> String {
        match self {
            Self::CurrentThread => "1".to_owned(),
            Self::MultiThread(threads) => format!("multi-thread-{threads}"),
        }
    }

    /// The runtime with this name on the command line.
    pub fn of_argument(argument: &str) -> Option<Self> {
        match argument.strip_prefix("multi-thread-") {
            Some(threads) => Some(Self::MultiThread(threads.parse().ok()?)),
            None => (argument == "1").then_some(Self::CurrentThread),
        }
    }

    /// The name of this runtime in the name of a table.
    pub fn name(self) -> String {
        match self {
            Self::CurrentThread => "current-thread".to_owned(),
            Self::MultiThread(_) => self.argument(),
        }
    }

    /// This runtime in the title of a table.
    pub fn title(self) -> String {
        match self {
            Self::CurrentThread => "current-thread runtime".to_owned(),
            Self::MultiThread(1) => "multi-thread runtime, one worker thread".to_owned(),
            Self::MultiThread(threads) => format!("multi-thread runtime, {threads} worker threads"),
        }
    }

    /// Starts the runtime.
    pub fn start(self) -> io::Result<tokio::runtime::Runtime> {
        match self {
            Self::CurrentThread => Builder::new_current_thread().enable_all().build(),
            Self::MultiThread(threads) => {
                Builder::new_multi_thread().worker_threads(threads).enable_all().build()
            }
        }
    }
}
