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
    let mut slot = || number(parts.next()?);
    let (first, last) = (slot()?, slot()?);
    let mut primary = from_redis_value::<Vec<Value>>(parts.next()?).ok()?.into_iter();
    let host: Option<String> = from_redis_value(primary.next()?).ok()?;
    let port = number(primary.next()?).filter(|port| *port > 0)?;
    let primary = NodeName::new(&host.unwrap_or_default(), port);
    (first <= last && usize::from(last) < SLOTS).then_some(Range { first, last, primary })
}

/// A number that is not cut: the client makes 4,464 of 70,000.
fn number(value: Value) -> Option<u16> {
    u16::try_from(from_redis_value::<i64>(value).ok()?).ok()
}

fn unusable() -> redis::RedisError {
    (ErrorKind::UnexpectedReturnType, "the reply to CLUSTER SLOTS names no slots").into()
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    /// The first and the last slot of a range, and the host and the port of its primary.
    type Parts = (u16, u16, Option<String>, u16);

    fn read(reply: &str) -> Option<Vec<Parts>> {
        let reply = parse_redis_value(reply.replace(' ', "\r\n").as_bytes()).unwrap();
        let ranges = read_slots(reply).ok()?.into_iter();
        let parts =
            |range: Range| (range.first, range.last, range.primary.host, range.primary.port);
        Some(ranges.map(parts).collect())
    }

    #[test]
    fn ranges_are_read_as_servers_tell_them() {
        let host = |host: &str| Some(host.to_owned());
        for (reply, ranges) in [
            // Redis before 4.0 tells no ids.
            ("*1 *3 :0 :16383 *2 $3 h.i :1 ", vec![(0, 16_383, host("h.i"), 1)]),
            (
                "*2 *4 :0 :9 *3 $1 a :7000 $1 x *3 $1 r :7003 $1 y *3 :10 :10 *4 $3 ::1 :65535 $1 z *0 ",
                vec![(0, 9, host("a"), 7_000), (10, 10, host("::1"), 65_535)],
            ),
            // A node that does not know its own host.
            ("*1 *3 :5 :5 *3 $0  :1 $1 x ", vec![(5, 5, None, 1)]),
            ("*1 *3 :5 :5 *3 $1 ? :1 $1 x ", vec![(5, 5, None, 1)]),
            ("*1 *3 :5 :5 *3 $-1 :1 $1 x ", vec![(5, 5, None, 1)]),
            // RESP3: a null of its own, and a map with the other names of the node.
            ("*1 *3 :5 :5 *4 _ :1 $1 x %1 $8 hostname $1 h ", vec![(5, 5, None, 1)]),
            ("*0 ", vec![]),
        ] {
            assert_eq!(read(reply), Some(ranges), "{reply}");
        }
    }

    #[test]
    fn garbage_is_no_table() {
        for reply in [
            "+OK ",
            ":1 ",
            "*1 *0 ",
            "*1 :1 ",
            "*1 *2 :0 :1 ",
            "*1 *3 :0 :1 *0 ",
            "*1 *3 :0 :1 *1 $1 h ",
            "*1 *3 :0 :1 $1 h ",
            "*1 *3 :1 :0 *2 $1 h :1 ",
            "*1 *3 :-1 :0 *2 $1 h :1 ",
            "*1 *3 :0 :16384 *2 $1 h :1 ",
            "*1 *3 :65536 :65537 *2 $1 h :1 ",
            "*1 *3 $1 x :1 *2 $1 h :1 ",
            "*1 *3 :0 :1 *2 $1 h :0 ",
            "*1 *3 :0 :1 *2 $1 h :65537 ",
            "*1 *3 :0 :1 *2 $1 h $1 x ",
            // One range that cannot be used, beside one that can.
            "*2 *3 :0 :1 *2 $1 h :1 *3 :2 :1 *2 $1 h :1 ",
        ] {
            assert_eq!(read(reply), None, "{reply}");
        }
    }
}
