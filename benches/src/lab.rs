//! What the scenarios share: cores, servers, workers and how much to do.

use std::path::PathBuf;

use cachefence_tests::{RedisCluster, RedisServer, RedisServerBuilder};

use crate::cpu;
use crate::driver::{Start, Under, Worker};
use crate::runtime::Runtime;
use crate::subject::Kind;

/// How many entries a cache in memory has unless a scenario is about that: the library's default.
pub const ENTRIES: usize = 10_000;

/// The machine and the amount of work.
#[derive(Debug)]
pub struct Lab {
    /// Whether this is the short pass, which exercises everything and measures little.
    pub quick: bool,
    /// The Python interpreter that has the package, if there is one.
    pub python: Option<PathBuf>,
    /// The folder of an earlier build's workers, if this build is measured beside it.
    pub before: Option<PathBuf>,
    cores: Vec<usize>,
}

impl Lab {
    /// A lab with all the cores that this process has.
    pub fn new(quick: bool, python: Option<PathBuf>, before: Option<PathBuf>) -> Self {
        Self { quick, python, before, cores: cpu::cores() }
    }

    /// `quick` in the short pass, and `full` in the full one.
    pub fn either<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Has the servers and workers that start from now on share one core, because on a shared machine the price of a
    /// wake-up on another core changes tenfold from second to second.
    pub fn on_one_core(&self) {
        cpu::keep_to(&self.cores[self.cores.len() - 1..]);
    }

    /// Has the servers and workers that start from now on use all cores.
    pub fn on_all_cores(&self) {
        cpu::keep_to(&self.cores);
    }

    /// How many cores there are.
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// Starts a Redis server.
    pub fn server(&self) -> RedisServer {
        RedisServer::builder().args(["--maxmemory-policy", "noeviction"]).start()
    }

    /// Starts a Redis Cluster of three primaries.
    pub fn cluster(&self) -> RedisCluster {
        let each = |node: RedisServerBuilder| node.args(["--maxmemory-policy", "noeviction"]);
        RedisCluster::builder().replicas(0).each(each).start()
    }

    /// Whether this subject can run on this machine.
    pub fn has(&self, kind: Kind) -> bool {
        kind != Kind::Python || self.python.is_some()
    }

    /// How to start a worker on the current-thread runtime. The subjects on a cluster are given one of its nodes.
    pub fn start(&self, kind: Kind, server: &RedisServer) -> Start {
        Start {
            kind,
            url: format!("redis://127.0.0.1:{}", server.port()), // a user who may do what any subject does
            entries: ENTRIES,
            runtime: Runtime::CurrentThread,
            under: Under::Plain,
            python: self.python.clone(),
            workers: None,
        }
    }

    /// Starts a worker on the current-thread runtime.
    pub fn worker(&self, kind: Kind, server: &RedisServer) -> Worker {
        self.start(kind, server).spawn()
    }
}

/// How many commands a server has counted, those inside scripts included.
pub fn commands(server: &RedisServer) -> u64 {
    server.command_stats().values().sum()
}
