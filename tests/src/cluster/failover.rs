//! A primary is killed, its replica is promoted, and the old one comes back.

use std::sync::PoisonError;

use super::{PRIMARIES, RedisCluster};
use crate::wait::until_ok;

impl RedisCluster {
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

    /// Waits until the other node of the two, of which `i` was the primary, has its slots, and all nodes that run know
    /// it. Returns its number.
    ///
    /// # Panics
    ///
    /// When that does not happen in a minute.
    #[track_caller]
    pub fn await_promotion(&self, i: usize) -> usize {
        assert!(self.nodes.len() > PRIMARIES, "there are no replicas");
        let promoted = (i + PRIMARIES) % self.nodes.len();
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
}
