//! The table of a cluster: which node holds each slot, as far as this process knows.

use std::sync::Arc;

use super::server::Server;
use super::slot::SLOTS;

/// The owner of a slot of a table that is being made, until the slot is given to a node.
const NOBODY: u16 = u16::MAX;

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

    /// The table in which each node of `given` holds the slots from the first to the last. A slot in no range keeps its
    /// node, which may be back.
    pub(super) fn next(&self, given: &[(u16, u16, Arc<Server>)]) -> Self {
        let mut next = Self { nodes: Vec::new(), owners: vec![NOBODY; SLOTS].into_boxed_slice() };
        for (first, last, node) in given {
            next.give(*first, *last, node);
        }
        for (slot, before) in (0_u16..).zip(&self.owners) {
            if next.owners[usize::from(slot)] == NOBODY {
                next.give(slot, slot, &self.nodes[usize::from(*before)]);
            }
        }
        next
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
