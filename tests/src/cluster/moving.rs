//! A slot moves from one primary to another, in the stages in which `redis-cli --cluster reshard` moves it.

use super::{RedisCluster, command, key_in};
use crate::wait::until_ok;

/// How many keys move in one command.
const KEYS: &str = "100";

/// The time limit of a `MIGRATE`, in milliseconds.
const LIMIT: &str = "10000";

impl RedisCluster {
    /// Moves a slot with its keys.
    ///
    /// # Panics
    ///
    /// As the three stages.
    #[track_caller]
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) {
        self.begin_move(slot, from, to);
        self.migrate_keys(slot, from, to);
        self.finish_move(slot, from, to);
    }

    /// The first stage: `from` answers ASK for keys of the slot that it does not have, and `to` takes what comes behind
    /// ASKING.
    ///
    /// # Panics
    ///
    /// When a node refuses.
    #[track_caller]
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        self.tell::<()>(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.nodes[from].id]);
        self.tell::<()>(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.nodes[to].id]);
    }

    /// The second stage: moves all keys of the slot, and returns how many.
    ///
    /// # Panics
    ///
    /// When a node refuses.
    #[track_caller]
    pub fn migrate_keys(&self, slot: u16, from: usize, to: usize) -> usize {
        let (slot, mut moved) = (slot.to_string(), 0);
        loop {
            let keys: Vec<Vec<u8>> = self.tell(from, &["CLUSTER", "GETKEYSINSLOT", &slot, KEYS]);
            if keys.is_empty() {
                return moved;
            }
            self.migrate(&keys, from, to);
            moved += keys.len();
        }
    }

    /// A part of the second stage: moves these keys, and leaves the others of their slot.
    ///
    /// # Panics
    ///
    /// When a node refuses.
    #[track_caller]
    pub fn migrate(&self, keys: &[impl AsRef<[u8]>], from: usize, to: usize) {
        let port = self.node(to).announced_port().to_string();
        let mut migrate = command(&["MIGRATE", "127.0.0.1", &port, "", "0", LIMIT]);
        if let Some(password) = self.node(to).password() {
            migrate.arg("AUTH").arg(password);
        }
        migrate.arg("KEYS");
        for key in keys {
            migrate.arg(key.as_ref());
        }
        let migrated = self.ask::<()>(from, &migrate);
        migrated.unwrap_or_else(|error| panic!("MIGRATE from node {from} to {to}: {error}"));
    }

    /// The third stage: `to` has the slot, and every primary is told. Returns when all nodes that run know it.
    ///
    /// # Panics
    ///
    /// When a node refuses, or `from` has keys left: it would delete them as soon as it hears of the new owner.
    #[track_caller]
    pub fn finish_move(&self, slot: u16, from: usize, to: usize) {
        let name = slot.to_string();
        let left: usize = self.tell(from, &["CLUSTER", "COUNTKEYSINSLOT", &name]);
        assert_eq!(left, 0, "keys of slot {slot} are left at node {from}");
        let node = ["CLUSTER", "SETSLOT", &name, "NODE", &self.nodes[to].id];
        // The new owner first: between the two, keys that `from` does not have are asked for there.
        self.tell::<()>(to, &node);
        self.tell::<()>(from, &node);
        for other in self.awake().filter(|i| ![from, to].contains(i)) {
            match self.ask::<()>(other, &command(&node)) {
                Err(error) if !error.to_string().contains("only with masters") => {
                    panic!("{node:?} at node {other}: {error}")
                }
                _ => {}
            }
        }
        // The next move begins only when every node knows this epoch: a node that does not would take an older claim of
        // the next owner for a newer one, and the slot could end up at no node.
        let epoch = self.number(to, "cluster_my_epoch").unwrap_or_else(|error| panic!("{error}"));
        for i in self.awake() {
            until_ok("all nodes know the new owner of a slot", || self.knows(i, slot, to, epoch));
        }
    }

    /// Whether a node names `to` as the owner of `slot`, and has heard of this epoch.
    fn knows(&self, i: usize, slot: u16, to: usize, epoch: u64) -> Result<(), String> {
        // No cache sends it, so no test counts it.
        let owner = self.ask::<u64>(i, &command(&["STRLEN", key_in(slot)]));
        let port = self.node(to).port();
        match owner {
            Ok(_) if i == to => {}
            Err(error)
                if error
                    .redirect_node()
                    .is_some_and(|(at, _)| at.ends_with(&format!(":{port}"))) => {}
            other => {
                return Err(format!("node {i} answers {other:?} for slot {slot} of node {to}"));
            }
        }
        let heard = self.number(i, "cluster_current_epoch")?;
        if heard >= epoch {
            Ok(())
        } else {
            Err(format!("node {i} is at epoch {heard} of {epoch}"))
        }
    }

    /// A number in the answer to `CLUSTER INFO`.
    fn number(&self, i: usize, name: &str) -> Result<u64, String> {
        let info = self.ask::<String>(i, &command(&["CLUSTER", "INFO"]));
        let info = info.map_err(|error| error.to_string())?;
        let number = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        number.and_then(|number| number.trim().parse().ok()).ok_or(info)
    }
}
