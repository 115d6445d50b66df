//! The table of a cluster: which node holds each slot, as far as this process knows.

use std::sync::Arc;

use redis::{ErrorKind, RedisResult, Value, from_redis_value};

use super::redirect::NodeName;
use super::server::Server;
use super::slot::SLOTS;

/// Which node holds each slot, as far as this process knows.
pub(super) struct Table {
    /// There is at least one.
    nodes: Vec<Arc<Server>>,
    /// For each slot, the index of its node.
    owners: Box<[u16]>,
}

impl Table {
    /// A table of which nothing is known but `first`: that node names the others.
    pub(super) fn of(first: Arc<Server>) -> Self {
        Self { nodes: vec![first], owners: vec![0; SLOTS].into_boxed_slice() }
    }

    pub(super) fn nodes(&self) -> &[Arc<Server>] {
        &self.nodes
    }

    pub(super) fn owner(&self, slot: u16) -> &Arc<Server> {
        let index = self.owners[usize::from(slot) % SLOTS];
        &self.nodes[usize::from(index)]
    }

    /// Gives the slots from `first` to `last` to `node`.
    pub(super) fn give(&mut self, first: u16, last: u16, node: &Arc<Server>) {
        let known = self.nodes.iter().position(|other| Arc::ptr_eq(other, node));
        let index = known.unwrap_or_else(|| {
            self.nodes.push(Arc::clone(node));
            self.nodes.len() - 1
        });
        // A cluster has fewer nodes than slots.
        let index = u16::try_from(index).unwrap_or_default();
        for owner in &mut self.owners[usize::from(first)..=usize::from(last)] {
            *owner = index;
        }
    }
}

/// The slots from `first` to `last` are held by `primary`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) primary: NodeName,
}

/// Reads the reply to `CLUSTER SLOTS`, which lists the primary of each range before its replicas.
pub(super) fn read_slots(reply: Value) -> RedisResult<Vec<Range>> {
    let ranges: Vec<Vec<Value>> = from_redis_value(reply)?;
    ranges.into_iter().map(|range| read_range(range).ok_or_else(unusable)).collect()
}

fn read_range(range: Vec<Value>) -> Option<Range> {
    let mut parts = range.into_iter();
    let mut slot = || from_redis_value::<u16>(parts.next()?).ok();
    let (first, last) = (slot()?, slot()?);
    let mut primary = from_redis_value::<Vec<Value>>(parts.next()?).ok()?.into_iter();
    let host: Option<String> = from_redis_value(primary.next()?).ok()?;
    let port = from_redis_value(primary.next()?).ok().filter(|port| *port > 0)?;
    let primary = NodeName::new(&host.unwrap_or_default(), port);
    (first <= last && usize::from(last) < SLOTS).then_some(Range { first, last, primary })
}

fn unusable() -> redis::RedisError {
    (ErrorKind::UnexpectedReturnType, "the reply to CLUSTER SLOTS names no slots").into()
}
