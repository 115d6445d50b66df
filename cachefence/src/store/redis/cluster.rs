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

use redis::{ConnectionAddr, RedisResult, Value};
use tokio::time::Instant;

use super::batch::Gathering;
use super::dial::Dialer;
use super::failure::{Answer, Failure, FailureKind};
use super::multi::unjudged;
use super::redirect::NodeName;
use super::server::{Common, Server};
use super::slot::{SLOTS, slot_of};
use super::table::{Range, Table, read_slots};
use crate::error::{InvalidOption, StoreError};
use crate::key::Key;
use crate::sync::lock;
use crate::time::{detach, in_time, sleep_until};

/// How long after the nodes were asked they are not asked again.
const PAUSE: Duration = Duration::from_millis(100);

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

/// The node to which another has sent an operation.
pub(super) struct Hop {
    pub(super) server: Arc<Server>,
    /// Whether the node has to be told that it was named by `ASK`.
    pub(super) asking: bool,
}

/// When the nodes are asked for the table.
#[derive(Default)]
struct Refresh {
    is_under_way: bool,
    /// Whether they are to be asked once more.
    is_wanted: bool,
    last: Option<Instant>,
}

/// The task that asks the nodes. If it is dropped before its end, because its runtime shuts down, the next that is
/// needed is another.
struct RefreshTask {
    cluster: Arc<Cluster>,
    is_over: bool,
}

impl RefreshTask {
    fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for RefreshTask {
    fn drop(&mut self) {
        if !self.is_over {
            self.cluster.refreshing().is_under_way = false;
        }
    }
}

impl Cluster {
    /// The cluster that the nodes belong to which `seeds` connect to; does no I/O.
    pub(super) fn new(seeds: Vec<Dialer>, common: Common) -> Result<Self, InvalidOption> {
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
    pub(super) fn elsewhere(
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
        let dialer = told_by.links.dialer.to(host(name, told_by)?, name.port).ok()?;
        let node = Arc::new(Server::new(dialer, &self.common, Gathering::Pipeline));
        named.push(Arc::clone(&node));
        let oldest = (named.len() > MOST_NAMED).then(|| named.remove(0));
        drop(named);
        let is_gone = |node: &Arc<Server>| !is_among(self.table().nodes(), node);
        if let Some(gone) = oldest.filter(is_gone) {
            gone.left_cluster();
        }
        Some(node)
    }

    /// Notes that `node` holds `slot`.
    fn learn(&self, slot: u16, node: &Arc<Server>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let before = Arc::clone(table.owner(slot));
        table.give(slot, slot, node);
        drop(table);
        if !Arc::ptr_eq(&before, node) {
            before.links.disarm(|name| slot_of(name) == slot);
        }
    }

    /// Has a task ask the nodes for the table, unless one does.
    fn refresh_soon(self: &Arc<Self>) {
        let mut refresh = self.refreshing();
        refresh.is_wanted = true;
        if std::mem::replace(&mut refresh.is_under_way, true) {
            return;
        }
        drop(refresh);
        let task = RefreshTask { cluster: Arc::clone(self), is_over: false };
        detach(async move {
            while let Some(due) = task.cluster.next_refresh() {
                sleep_until(Some(due)).await;
                // The nodes that fail are told of by their own breakers.
                let _ = task.cluster.refresh().await;
            }
            task.end();
        });
    }

    /// When the nodes are to be asked again; `None` if nothing has happened since they were.
    fn next_refresh(&self) -> Option<Instant> {
        let mut refresh = self.refreshing();
        refresh.is_under_way = refresh.is_wanted;
        let now = Instant::now();
        refresh.is_wanted.then(|| refresh.last.map_or(now, |last| last + PAUSE).max(now))
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
        self.refresh().await
    }

    /// Asks one node after the other for the table, until one tells it.
    pub(super) async fn refresh(&self) -> Result<(), StoreError> {
        {
            let mut refresh = self.refreshing();
            (refresh.is_wanted, refresh.last) = (false, Some(Instant::now()));
        }
        let mut nodes = self.nodes();
        // Another node each time, because one that is cut off from the others tells what was true before.
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
            match self.ask(&node).await {
                Ok(ranges) => {
                    self.take_in(&node, &ranges);
                    return Ok(());
                }
                Err(failure) => problem = Some(failure.error),
            }
        }
        Err(problem.unwrap_or_else(|| StoreError::new("the cluster has no node")))
    }

    /// Asks `node` which slots each node holds.
    async fn ask(&self, node: &Arc<Server>) -> Result<Vec<Range>, Failure> {
        let link = node.links.here()?;
        let asked = Instant::now();
        let all = pin!(async {
            let mut connection = link.writes.connection().await?;
            let mut pipeline = unjudged();
            pipeline.cmd("CLUSTER").arg("INFO");
            pipeline.cmd("CLUSTER").arg("SLOTS");
            pipeline.cmd("INFO").arg("cluster");
            Answer::Ok(pipeline.query_async(&mut *connection).await?)
        });
        let (info, slots, server): (RedisResult<String>, RedisResult<Value>, RedisResult<String>) =
            node.ask_beside_writes(&link, asked, all).await?;
        let address = node.address();
        // A node that may not tell its state is taken at its word.
        if info.is_ok_and(|info| info.contains("cluster_state:fail")) {
            let message =
                format!("Redis at {address} says that its cluster is down: look at CLUSTER INFO");
            return Err(Failure::new(FailureKind::ClusterDown, message));
        }
        let slots = slots.map_err(|error| {
            // The user of a single server need not be one who may ask for slots.
            if server.is_ok_and(|server| server.contains("cluster_enabled:0")) {
                let message =
                    format!("Redis at {address} is no node of a cluster: use `Redis::server`");
                return Failure::new(FailureKind::Unsupported, message);
            }
            let failure = Failure::classify(address, error);
            if failure.kind == FailureKind::Forbidden {
                let message = format!(
                    "Redis at {address} does not let this user ask which node holds a key; add `+cluster|slots` to \
                     the rules of the user (ACL SETUSER)"
                );
                return Failure::new(FailureKind::Forbidden, message);
            }
            failure
        })?;
        let unusable = |error| Failure::classify(address, error);
        let ranges = read_slots(slots).map_err(unusable)?;
        if ranges.is_empty() {
            let message = format!("Redis at {address} belongs to a cluster that has no slots yet");
            return Err(Failure::new(FailureKind::ClusterDown, message));
        }
        Ok(ranges)
    }

    /// Takes in which slots each node holds, as `told_by` says.
    fn take_in(&self, told_by: &Arc<Server>, ranges: &[Range]) {
        let mut next: Option<Table> = None;
        for range in ranges {
            let named = next.as_ref().and_then(|next| find(next.nodes(), &range.primary, told_by));
            let Some(node) = named.or_else(|| self.node(&range.primary, told_by)) else { continue };
            let next = next.get_or_insert_with(|| Table::of(Arc::clone(&node)));
            next.give(range.first, range.last, &node);
        }
        let Some(next) = next else { return };
        self.choose_probed_keys(&next);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *table, next);
        drop(table);
        self.forget_named();
        self.is_known.store(true, Ordering::Relaxed);
        self.let_go(&before);
    }

    /// Leaves the nodes that have slots now to the table.
    fn forget_named(&self) {
        let table = self.table();
        lock(&self.named).retain(|node| !is_among(table.nodes(), node));
    }

    /// Has the nodes that hold other slots than `before` tell so to those who trust in them.
    fn let_go(&self, before: &Table) {
        let now = self.table();
        let moved: Vec<bool> = (0..SLOTS)
            .map(|slot| u16::try_from(slot).unwrap_or_default())
            .map(|slot| !Arc::ptr_eq(before.owner(slot), now.owner(slot)))
            .collect();
        let left: Vec<_> =
            before.nodes().iter().filter(|node| !is_among(now.nodes(), node)).cloned().collect();
        drop(now);
        if !moved.contains(&true) {
            return;
        }
        for node in before.nodes() {
            node.links.disarm(|name| moved[usize::from(slot_of(name)) % SLOTS]);
        }
        for node in left {
            node.left_cluster();
        }
    }

    /// Gives each node of `table` a key to be probed with that it holds itself: any other it would refuse before it
    /// has shown whether it takes reads and writes.
    fn choose_probed_keys(&self, table: &Table) {
        /// A namespace with a hash tag lies in one slot, and only the node of that slot is ever asked.
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
    let host = host(name, told_by)?;
    let is_it = |node: &&Arc<Server>| match node.address() {
        ConnectionAddr::Tcp(other, port) => other == host && *port == name.port,
        _ => false,
    };
    nodes.iter().find(is_it).cloned()
}

/// The host of the node that `told_by` has named: a node that does not know its own host leaves it out.
fn host<'a>(name: &'a NodeName, told_by: &'a Server) -> Option<&'a str> {
    let own = match told_by.address() {
        ConnectionAddr::Tcp(host, _) => Some(host),
        _ => None,
    };
    name.host.as_ref().or(own).map(String::as_str)
}
