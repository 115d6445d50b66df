//! A cluster: which node holds a key, as far as this process knows.
//!
//! The nodes themselves tell which slots each of them holds (`CLUSTER SLOTS`). They are asked again when one of them
//! answers `MOVED`, or fails: one node at a time, and once in 100 ms at most. A `MOVED` changes the table at once,
//! so the operation that it answers finds the right node without waiting for the others.
//!
//! When a slot moves, its old node does not tell of all its keys, so the waiters of that slot are disarmed and ask by
//! themselves.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use redis::ConnectionAddr;
use tokio::time::Instant;

use super::batch::Gathering;
use super::cluster_slots::{self, Range};
use super::dial::NodeDialer;
use super::failure::{Failure, FailureKind};
use super::redirect::NodeName;
use super::refresh::Refresh;
use super::server::{Common, Server};
use super::slot::{SLOTS, slot_of};
use super::table::Table;
use crate::error::{InvalidOption, StoreError};
use crate::key::Key;
use crate::sync::lock;
use crate::time::{detach, in_time, sleep_until};

/// How many nodes are kept that hold no slot as far as is known.
const MOST_NAMED: usize = 16;

/// The nodes of a cluster.
pub(super) struct Cluster {
    common: Common,
    /// The nodes that the user has named, which are asked where no other answers.
    seeds: Vec<Arc<Server>>,
    table: RwLock<Table>,
    /// Nodes that others have named and that are not in the table, the newest last: a node to which its first slot is
    /// being handed, or one that is gone. Kept, because each has connections, and a breaker that knows of its failures.
    named: Mutex<Vec<Arc<Server>>>,
    /// Whether a node has told the table.
    is_known: AtomicBool,
    refresh: Mutex<Refresh>,
}

/// How many nodes are asked after the first one, before a call goes on without the store.
pub(super) const MOST_HOPS: usize = 2;

/// The node to which another has sent an operation.
pub(super) struct Hop {
    pub(super) server: Arc<Server>,
    /// Whether the node has to be told that it was named by `ASK`.
    pub(super) asking: bool,
}

/// The task that asks the nodes.
struct RefreshTask {
    cluster: Arc<Cluster>,
    number: u64,
}

impl Drop for RefreshTask {
    fn drop(&mut self) {
        self.cluster.refreshing().end(self.number);
    }
}

impl Cluster {
    /// The cluster that `seeds` connect to; does no I/O.
    pub(super) fn new(seeds: Vec<NodeDialer>, common: Common) -> Result<Self, InvalidOption> {
        let server = |dialer| Arc::new(Server::new(dialer, &common, Gathering::Pipeline));
        let seeds: Vec<_> = seeds.into_iter().map(server).collect();
        let Some(first) = seeds.first() else {
            return Err(InvalidOption::new(
                "redis",
                "is a cluster without a node: name one or several",
            ));
        };
        let table = RwLock::new(Table::of(Arc::clone(first)));
        Ok(Self {
            common,
            seeds,
            table,
            named: Mutex::default(),
            is_known: AtomicBool::new(false),
            refresh: Mutex::default(),
        })
    }

    /// The node that holds `key`.
    pub(super) fn of(self: &Arc<Self>, key: &Key) -> Arc<Server> {
        if !self.is_known.load(Ordering::Relaxed) {
            self.refresh_soon();
        }
        let slot = slot_of(key.as_str());
        Arc::clone(self.table().owner(slot))
    }

    pub(super) fn nodes(&self) -> Vec<Arc<Server>> {
        self.table().nodes().to_vec()
    }

    /// Takes in the `failure` of an operation that `asked` was asked, and returns the node that it names, if it names
    /// one.
    pub(super) fn next_hop(
        self: &Arc<Self>,
        asked: &Arc<Server>,
        failure: &Failure,
    ) -> Option<Hop> {
        if failure.may_have_moved() {
            self.refresh_soon();
        }
        let redirect = failure.redirect.as_deref()?;
        let server = self.node(&redirect.node, asked)?;
        if !redirect.asking {
            self.learn(redirect.slot, &server);
        }
        Some(Hop { server, asking: redirect.asking })
    }

    /// The node that `told_by` has named; `None` if there can be no connection to it.
    fn node(&self, name: &NodeName, told_by: &Server) -> Option<Arc<Server>> {
        let in_table = find(self.table().nodes(), name, told_by);
        if let Some(known) = in_table.or_else(|| find(&self.seeds, name, told_by)) {
            return Some(known);
        }
        let mut named = lock(&self.named);
        if let Some(known) = find(&named, name, told_by) {
            return Some(known);
        }
        let dialer = told_by.links.dialer.node()?.to(host(name, told_by)?, name.port).ok()?;
        let node = Arc::new(Server::new(dialer, &self.common, Gathering::Pipeline));
        // Its outages are told once the table gives it slots.
        node.note_no_slots();
        named.push(Arc::clone(&node));
        let oldest = (named.len() > MOST_NAMED).then(|| named.remove(0));
        drop(named);
        let is_gone = |node: &Arc<Server>| !is_among(self.table().nodes(), node);
        if let Some(gone) = oldest.filter(is_gone) {
            gone.note_no_slots();
        }
        Some(node)
    }

    /// Notes that `node` holds `slot`.
    fn learn(&self, slot: u16, node: &Arc<Server>) {
        node.note_slots();
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let before = Arc::clone(table.owner(slot));
        table.give(slot, slot, node);
        drop(table);
        if !Arc::ptr_eq(&before, node) {
            self.refreshing().changed();
            before.links.disarm(|name| slot_of(name) == slot);
        }
    }

    /// Has a task ask the nodes for the table, unless one does.
    fn refresh_soon(self: &Arc<Self>) {
        let most = self.table().nodes().len().saturating_add(self.seeds.len());
        let longest =
            self.common.op_timeout.saturating_mul(u32::try_from(2 * most).unwrap_or(u32::MAX));
        let Some(number) = self.refreshing().want(longest) else { return };
        let task = RefreshTask { cluster: Arc::clone(self), number };
        detach(async move {
            let cluster = &task.cluster;
            while let Some(due) = cluster.next_refresh(number) {
                sleep_until(Some(due)).await;
                let refreshed = cluster.refresh(cluster.common.op_timeout).await;
                cluster.tell(refreshed);
            }
        });
    }

    fn next_refresh(&self, number: u64) -> Option<Instant> {
        self.refreshing().next(number)
    }

    /// Reports a refresh that failed for a reason other than an outage, of which the breakers tell.
    fn tell(&self, refreshed: Result<(), Failure>) {
        use FailureKind::{BadConnection, Failed, Forbidden, Unsupported};
        match refreshed {
            Ok(()) => {
                if self.refreshing().note_works() {
                    self.common
                        .observers
                        .store_restored("the cluster tells again which node holds a key");
                }
            }
            Err(failure)
                if matches!(failure.kind, BadConnection | Failed | Forbidden | Unsupported) =>
            {
                let problem = failure.error.to_string();
                if self.refreshing().note_problem(&problem) {
                    let problem = format!(
                        "{problem}; until then a key whose node is replaced is loaded each time"
                    );
                    self.common.observers.store_degraded(&problem);
                }
            }
            Err(_) => {}
        }
    }

    /// Asks one node after the other for the table. Connecting to each may take as long as `limit`.
    pub(super) async fn find_nodes(&self, limit: Duration) -> Result<(), StoreError> {
        for seed in &self.seeds {
            let link = seed.links.here()?;
            // The error of a seed that cannot be reached comes again below, where the others are asked.
            let connected = in_time(limit, pin!(link.writes.connection())).await;
            if matches!(connected, Some(Ok(_))) {
                break;
            }
        }
        Ok(self.refresh(limit).await?)
    }

    /// Asks one node after the other for the table, each within `limit`, until one tells it.
    async fn refresh(&self, limit: Duration) -> Result<(), Failure> {
        self.refreshing().begin();
        let mut nodes = self.nodes();
        // Each refresh begins at another node, because a node that is cut off from the others tells an old table.
        let first = usize::from(rand::random::<u16>()) % nodes.len().max(1);
        nodes.rotate_left(first);
        nodes.sort_by_key(|node| node.is_left_alone());
        for seed in &self.seeds {
            if !is_among(&nodes, seed) {
                nodes.push(Arc::clone(seed));
            }
        }
        let mut problem = None;
        for node in nodes {
            match cluster_slots::ask(&node, limit).await {
                Ok(ranges) => {
                    self.take_in(&node, &ranges);
                    return Ok(());
                }
                Err(failure) => problem = Some(failure),
            }
        }
        Err(problem.unwrap_or_else(|| StoreError::new("the cluster has no node").into()))
    }

    /// Takes in which slots each node holds, as `told_by` says.
    fn take_in(&self, told_by: &Arc<Server>, ranges: &[Range]) {
        let mut given: Vec<(u16, u16, Arc<Server>)> = Vec::new();
        for Range { first, last, primary } in ranges {
            // `given` is searched first, because a table with more than `MOST_NAMED` new nodes pushes the first of them
            // out of `named`.
            let mut others = given.iter().map(|(_, _, node)| node);
            let named = others.find(|node| is_named(node, primary, told_by)).cloned();
            if let Some(node) = named.or_else(|| self.node(primary, told_by)) {
                given.push((*first, *last, node));
            }
        }
        let next = self.table().next(&given);
        for node in next.nodes() {
            node.note_slots();
        }
        self.choose_probed_keys(&next);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *table, next);
        drop(table);
        self.forget_named();
        self.is_known.store(true, Ordering::Relaxed);
        self.note_moves(&before);
    }

    /// Drops the nodes that the table holds now from `named`.
    fn forget_named(&self) {
        let table = self.table();
        lock(&self.named).retain(|node| !is_among(table.nodes(), node));
    }

    /// Disarms the waiters of each slot that has another node than in `before`, and ends the outages of nodes without
    /// slots.
    fn note_moves(&self, before: &Table) {
        let now = self.table();
        let moved: Vec<bool> = (0..SLOTS)
            .map(|slot| u16::try_from(slot).unwrap_or_default())
            .map(|slot| !Arc::ptr_eq(before.owner(slot), now.owner(slot)))
            .collect();
        let left: Vec<_> =
            before.nodes().iter().filter(|node| !is_among(now.nodes(), node)).cloned().collect();
        drop(now);
        for node in left {
            node.note_no_slots();
        }
        if moved.contains(&true) {
            self.refreshing().changed();
            for node in before.nodes() {
                node.links.disarm(|name| moved[usize::from(slot_of(name)) % SLOTS]);
            }
        }
    }

    /// Gives each node a key that it holds, for its probes: it would answer `MOVED` for any other, which does not show
    /// whether it takes reads and writes.
    fn choose_probed_keys(&self, table: &Table) {
        /// Enough for a node that has one slot in 1,000. Any other is probed with a key that it may not hold.
        const MOST: u32 = 4_096;
        let mut without: Vec<_> = table.nodes().to_vec();
        for number in 0..MOST {
            if without.is_empty() {
                return;
            }
            let name = format!("{}cachefence:probe:{number}", self.common.prefix);
            let owner = table.owner(slot_of(&name));
            without.retain(|node| {
                let is_owner = Arc::ptr_eq(node, owner);
                if is_owner {
                    node.set_probed_key(name.clone());
                }
                !is_owner
            });
        }
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn refreshing(&self) -> MutexGuard<'_, Refresh> {
        lock(&self.refresh)
    }
}

fn is_among(nodes: &[Arc<Server>], node: &Arc<Server>) -> bool {
    nodes.iter().any(|other| Arc::ptr_eq(node, other))
}

/// The one of `nodes` that `told_by` has named.
fn find(nodes: &[Arc<Server>], name: &NodeName, told_by: &Server) -> Option<Arc<Server>> {
    nodes.iter().find(|node| is_named(node, name, told_by)).cloned()
}

fn is_named(node: &Server, name: &NodeName, told_by: &Server) -> bool {
    match address(node) {
        Some(ConnectionAddr::Tcp(host, port)) => {
            self::host(name, told_by) == Some(host) && *port == name.port
        }
        _ => false,
    }
}

/// The host of the node that `told_by` has named: a node that does not know its own host leaves it out.
fn host<'a>(name: &'a NodeName, told_by: &'a Server) -> Option<&'a str> {
    match (&name.host, address(told_by)) {
        (Some(host), _) | (None, Some(ConnectionAddr::Tcp(host, _))) => Some(host),
        (None, _) => None,
    }
}

fn address(node: &Server) -> Option<&ConnectionAddr> {
    node.links.dialer.node().map(|dialer| &dialer.address)
}
