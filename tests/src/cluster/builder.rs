//! How a cluster is started and formed.

use std::ops::Range;
use std::sync::Mutex;

use super::{Node, PRIMARIES, RedisCluster, SLOTS, command};
use crate::tls::certificates;
use crate::wait::until_ok;
use crate::{Authority, CLUSTER_RULES, RedisServer, RedisServerBuilder};

/// The options of a cluster that is about to start; see [`RedisCluster::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `start`"]
pub struct RedisClusterBuilder {
    replicas: usize,
    node_timeout: u32,
    server: RedisServerBuilder,
}

impl Default for RedisClusterBuilder {
    fn default() -> Self {
        Self {
            replicas: 1,
            node_timeout: 2_000,
            server: RedisServer::builder().more_rules(CLUSTER_RULES),
        }
    }
}

impl RedisClusterBuilder {
    /// Sets how many replicas each primary has: 0 or 1, which is the default.
    ///
    /// # Panics
    ///
    /// When it is more than 1.
    pub fn replicas(mut self, replicas: usize) -> Self {
        assert!(replicas <= 1, "{replicas} replicas; the harness knows 0 or 1 for each primary");
        self.replicas = replicas;
        self
    }

    /// Sets after how many milliseconds without an answer a node counts as failing. The default is 2,000, which a busy
    /// machine does not reach. A promotion takes about so long and a second more.
    pub fn node_timeout(mut self, millis: u32) -> Self {
        self.node_timeout = millis;
        self
    }

    /// Has all nodes speak TLS, among one another too, with certificates of `authority`: [`RedisCluster::urls`] are those
    /// of the ports for TLS, and so are the addresses that a client learns over TLS. `None` where the server was built
    /// without it; a line then says that the test is left out.
    pub fn tls(mut self, authority: &Authority) -> Option<Self> {
        let certificates = certificates(authority, &[])?;
        self.server = self.server.tls(certificates).args(["--tls-cluster", "yes"]);
        Some(self)
    }

    /// Sets other options of each node.
    pub fn each(mut self, options: impl FnOnce(RedisServerBuilder) -> RedisServerBuilder) -> Self {
        self.server = options(self.server);
        self
    }

    /// Starts the nodes and returns when all of them are one cluster: it has a state, every replica has its primary's
    /// data, and every node knows all.
    ///
    /// # Panics
    ///
    /// When a node does not start, or they are not one cluster in a minute.
    pub fn start(self) -> RedisCluster {
        let mut server = self
            .server
            .cluster_node()
            .args(["--cluster-node-timeout", &self.node_timeout.to_string()])
            .args(["--cluster-announce-ip", "127.0.0.1"])
            // A replica is promoted however long ago its link broke, and does not wait for a second one to be served.
            .args(["--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"]);
        if let Some(password) = server.password.clone() {
            server = server.args(["--masterauth", &password]);
        }
        let nodes = (0..PRIMARIES * (1 + self.replicas)).map(|_| {
            let server = server.clone().start();
            let id = server.cli(&["CLUSTER", "MYID"]);
            Node { server, id, connection: Mutex::default(), is_paused: false.into() }
        });
        let cluster = RedisCluster { nodes: nodes.collect() };
        cluster.form();
        cluster
    }
}

impl RedisCluster {
    /// Gives the primaries their slots, has all nodes meet, and the replicas follow their primaries. Primaries serve
    /// 2 seconds after their start at the earliest, by which time the rest is done.
    fn form(&self) {
        for i in 0..self.nodes.len() {
            // Epochs that differ, as long as nobody is met: nodes with the same one would first have to agree on others.
            self.tell::<()>(i, &["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()]);
            if i < PRIMARIES {
                let mut add = command(&["CLUSTER", "ADDSLOTS"]);
                slots(i).for_each(|slot| _ = add.arg(slot));
                self.ask::<()>(i, &add).unwrap_or_else(|error| panic!("ADDSLOTS: {error}"));
            }
        }
        for i in 0..self.nodes.len() {
            // All nodes are introduced to all others, which is faster than to have them hear of one another.
            for other in i + 1..self.nodes.len() {
                let port = self.node(other).announced_port().to_string();
                self.tell::<()>(i, &["CLUSTER", "MEET", "127.0.0.1", &port]);
            }
        }
        for replica in PRIMARIES..self.nodes.len() {
            let replicate = command(&["CLUSTER", "REPLICATE", &self.nodes[replica - PRIMARIES].id]);
            until_ok("a replica follows its primary", || {
                // A primary that it has not met is an unknown node.
                self.ask::<()>(replica, &replicate).map_err(|error| error.to_string())
            });
        }
        self.await_agreement();
    }
}

/// The slots of a primary at the start.
fn slots(primary: usize) -> Range<usize> {
    let all = usize::from(SLOTS);
    primary * all / PRIMARIES..(primary + 1) * all / PRIMARIES
}
