//! A primary is killed, its replica is promoted, and the old one comes back.

use std::sync::PoisonError;

use super::{PRIMARIES, RedisCluster};
use crate::wait::until_ok;

impl RedisCluster {
    /// Has the replica of a primary take its place, as an operator does: the two agree, and no write is lost. Returns the
    /// number of the new primary when all nodes know it.
    ///
    /// # Panics
    ///
    /// When that does not happen in a minute.
    #[track_caller]
    pub fn failover(&self, i: usize) -> usize {
        self.tell::<()>(self.other(i), &["CLUSTER", "FAILOVER"]);
        self.await_promotion(i)
    }

    /// Kills a primary with SIGKILL.
    ///
    /// # Panics
    ///
    /// When the node is no primary.
    #[track_caller]
    pub fn kill_primary(&mut self, i: usize) {
        assert!(self.is_primary(i), "node {i} is a replica");
        let node = &mut self.nodes[i];
        *node.connection.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        node.server.kill();
    }

    /// Waits until the replica of `i`, or the node that `i` was a replica of, has its slots, and all nodes that run know
    /// it. Returns its number. For a primary that was killed or paused.
    ///
    /// # Panics
    ///
    /// When that does not happen in a minute.
    #[track_caller]
    pub fn await_promotion(&self, i: usize) -> usize {
        let promoted = self.other(i);
        until_ok("a replica is promoted", || match self.disagreement() {
            None if self.is_primary(promoted) => Ok(promoted),
            None => Err(format!("node {promoted} is a replica")),
            Some(why) => Err(why),
        })
    }

    /// Starts a node again that was killed, on its port and without its data. Returns when it is one of the cluster,
    /// which it is as a replica if the other one was promoted.
    ///
    /// # Panics
    ///
    /// When that does not happen in a minute.
    #[track_caller]
    pub fn restart(&mut self, i: usize) {
        let node = &mut self.nodes[i];
        *node.connection.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        node.server.restart();
        self.await_agreement();
    }

    /// Whether a node says that it is a primary.
    #[track_caller]
    pub fn is_primary(&self, i: usize) -> bool {
        self.tell::<Vec<redis::Value>>(i, &["ROLE"]).first()
            == Some(&redis::Value::BulkString(b"master".to_vec()))
    }

    /// The other node of a primary and its replica.
    #[track_caller]
    fn other(&self, i: usize) -> usize {
        assert!(self.nodes.len() > PRIMARIES, "there are no replicas");
        (i + PRIMARIES) % self.nodes.len()
    }
}
