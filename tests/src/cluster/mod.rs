//! A Redis Cluster of the test's own.
//!
//! ```no_run
//! use cachefence_tests::{RedisCluster, slot_of};
//!
//! let mut cluster = RedisCluster::start(); // 3 primaries with a replica each, in some 2.5 s
//! let from = cluster.owner_of("k");
//! let to = (from + 1) % cluster.primaries();
//! cluster.move_slot(slot_of("k"), from, to);
//! cluster.kill_primary(to);
//! let promoted = cluster.await_promotion(to);
//! assert_eq!(cluster.owner_of("k"), promoted);
//! cluster.restart(to); // now a replica
//! ```

mod builder;
mod failover;
mod moving;
mod slots;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use redis::{Cmd, FromRedisValue, RedisResult};

pub use self::builder::RedisClusterBuilder;
pub use self::slots::{key_in, slot_of};

use self::slots::{SLOTS, Told, parse};
use crate::RedisServer;
use crate::wait::until_ok;

/// How many primaries there are.
const PRIMARIES: usize = 3;

/// A running cluster of 3 primaries, the nodes 0 to 2, and their replicas, the nodes 3 to 5: node 3 is the replica of
/// node 0. A failover changes which of the two is the primary.
///
/// Dropping it kills the nodes. It blocks as all of the harness does, some methods for seconds; a test that goes on
/// meanwhile calls them in `spawn_blocking` or on a thread.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Node>,
}

struct Node {
    server: RedisServer,
    id: String,
    /// The connection of the harness, which `ask` makes.
    connection: Mutex<Option<redis::Connection>>,
    is_paused: AtomicBool,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("server", &self.server).finish_non_exhaustive()
    }
}

impl RedisCluster {
    /// Starts 3 primaries with a replica each.
    ///
    /// # Panics
    ///
    /// As [`RedisClusterBuilder::start`].
    #[must_use = "the nodes are killed when it is dropped"]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts a cluster with options: `RedisCluster::builder().replicas(0).start()`.
    pub fn builder() -> RedisClusterBuilder {
        RedisClusterBuilder::default()
    }

    /// The URL of each node, for a cache: see [`RedisServer::url`].
    pub fn urls(&self) -> Vec<String> {
        let url =
            |node: &RedisServer| node.tls_port().map_or_else(|| node.url(), |_| node.tls_url());
        self.nodes().map(url).collect()
    }

    /// The nodes: the first primaries, then their replicas.
    pub fn nodes(&self) -> impl Iterator<Item = &RedisServer> {
        self.nodes.iter().map(|node| &node.server)
    }

    /// One node.
    ///
    /// # Panics
    ///
    /// When there is none of this number.
    #[track_caller]
    pub fn node(&self, i: usize) -> &RedisServer {
        &self.nodes[i].server
    }

    /// How many nodes are primaries, which are the first ones as long as no failover took place.
    pub fn primaries(&self) -> usize {
        PRIMARIES
    }

    /// The number of the node that has the slot of `key`.
    ///
    /// # Panics
    ///
    /// As [`owner`](Self::owner).
    #[track_caller]
    pub fn owner_of(&self, key: impl AsRef<[u8]>) -> usize {
        self.owner(slot_of(key))
    }

    /// The number of the node that has `slot`, by its own account.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn owner(&self, slot: u16) -> usize {
        let has_it = |i: &usize| {
            let told = self.told_by(*i);
            told.ok().and_then(|told| Some(told.get(&self.nodes[*i].id)?.has(slot))) == Some(true)
        };
        self.awake().find(has_it).unwrap_or_else(|| panic!("no node has slot {slot}"))
    }

    /// Returns how often one command ran on all nodes that run; see [`RedisServer::command_count`].
    ///
    /// # Panics
    ///
    /// As [`RedisServer::command_count`].
    #[track_caller]
    pub fn command_count(&self, command: &str) -> u64 {
        self.awake().map(|i| self.node(i).command_count(command)).sum()
    }

    /// Sets all counts of the nodes that run to zero.
    ///
    /// # Panics
    ///
    /// As [`RedisServer::reset_stats`].
    #[track_caller]
    pub fn reset_stats(&self) {
        self.awake().for_each(|i| self.node(i).reset_stats());
    }

    /// Stops a node with SIGSTOP: for the others it is cut off.
    ///
    /// # Panics
    ///
    /// When it has been killed.
    pub fn pause(&self, i: usize) {
        self.nodes[i].is_paused.store(true, Ordering::SeqCst);
        self.node(i).pause();
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Panics
    ///
    /// When it has been killed.
    pub fn resume(&self, i: usize) {
        self.node(i).resume();
        self.nodes[i].is_paused.store(false, Ordering::SeqCst);
    }

    /// The numbers of the nodes that are neither killed nor paused.
    fn awake(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|i| {
            let node = &self.nodes[*i];
            node.server.is_running() && !node.is_paused.load(Ordering::SeqCst)
        })
    }

    /// Sends a command on the connection that the harness keeps to a node.
    fn ask<T: FromRedisValue>(&self, i: usize, command: &Cmd) -> RedisResult<T> {
        let node = &self.nodes[i];
        let mut kept = node.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = command.query(kept.get_or_insert_with(|| node.server.connection()));
        if matches!(&answer, Err(error) if error.is_io_error()) {
            *kept = None;
        }
        answer
    }

    /// As [`ask`](Self::ask), for a command that does not fail.
    #[track_caller]
    fn tell<T: FromRedisValue>(&self, i: usize, words: &[&str]) -> T {
        self.ask(i, &command(words))
            .unwrap_or_else(|error| panic!("{words:?} at node {i}: {error}"))
    }

    fn told_by(&self, i: usize) -> RedisResult<BTreeMap<String, Told>> {
        let nodes: String = self.ask(i, &command(&["CLUSTER", "NODES"]))?;
        Ok(parse(&nodes))
    }

    /// Waits until all nodes that run are well and agree on who has which slots, and replicas have their primaries' data:
    /// after [`resume`](Self::resume), or after slots were moved.
    ///
    /// # Panics
    ///
    /// When that does not happen in a minute.
    #[track_caller]
    pub fn await_agreement(&self) {
        until_ok("the nodes agree", || self.disagreement().map_or(Ok(()), Err));
    }

    /// Why the nodes are not yet one cluster.
    fn disagreement(&self) -> Option<String> {
        let awake: Vec<usize> = self.awake().collect();
        let mut agreed = None;
        for &i in &awake {
            let told = match self.told_by(i) {
                Ok(told) => told,
                Err(error) => return Some(format!("node {i}: {error}")),
            };
            let of_the_awake: Vec<Option<&Told>> =
                awake.iter().map(|other| told.get(&self.nodes[*other].id)).collect();
            if !of_the_awake.iter().all(|told| told.is_some_and(|told| told.is_well)) {
                return Some(format!("node {i} does not see all: {told:?}"));
            }
            let slots: usize = of_the_awake
                .iter()
                .flatten()
                .flat_map(|told| &told.slots)
                .map(ExactSizeIterator::len)
                .sum();
            if slots != usize::from(SLOTS) {
                return Some(format!("node {i} knows who has {slots} slots"));
            }
            let of_the_awake = format!("{of_the_awake:?}");
            if *agreed.get_or_insert_with(|| of_the_awake.clone()) != of_the_awake {
                return Some(format!("node {i} sees {of_the_awake}, and others see {agreed:?}"));
            }
            if let Some(why) = self.unwell(i) {
                return Some(why);
            }
        }
        None
    }

    /// Why a node does not serve, or does not follow its primary.
    fn unwell(&self, i: usize) -> Option<String> {
        let questions = [["CLUSTER", "INFO"], ["INFO", "replication"]];
        for question in questions {
            let said: String = match self.ask(i, &command(&question)) {
                Ok(said) => said,
                Err(error) => return Some(format!("node {i}: {error}")),
            };
            if said.contains("cluster_state:fail") || said.contains("master_link_status:down") {
                return Some(format!("node {i} says {said}"));
            }
        }
        None
    }
}

fn command(words: &[&str]) -> Cmd {
    let (name, args) = words.split_first().expect("a command has a name");
    let mut command = redis::cmd(name);
    command.arg(args);
    command
}
