//! The question which slots each node of a cluster holds, and the reading of the answer.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisResult, Value, from_redis_value};
use tokio::time::Instant;

use super::failure::{Answer, Failure, FailureKind};
use super::multi::unjudged;
use super::redirect::NodeName;
use super::server::Server;
use super::slot::SLOTS;

/// The slots from `first` to `last` are held by `primary`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) primary: NodeName,
}

/// Asks `node` which slots each node holds, and waits for `limit` at most.
pub(super) async fn ask(node: &Arc<Server>, limit: Duration) -> Result<Vec<Range>, Failure> {
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
        node.ask_beside_writes(&link, (asked, limit), all).await?;
    let address = node.address();
    // A user may not be allowed CLUSTER INFO: then the table of the node counts.
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

/// Reads the reply to `CLUSTER SLOTS`, which lists the primary of each range before its replicas. A range whose primary
/// has no name is left out.
fn read_slots(reply: Value) -> RedisResult<Vec<Range>> {
    let ranges: Vec<Vec<Value>> = from_redis_value(reply)?;
    let mut read = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (first, last, primary) = read_range(range).ok_or_else(unusable)?;
        read.extend(primary.map(|primary| Range { first, last, primary }));
    }
    Ok(read)
}

fn read_range(range: Vec<Value>) -> Option<(u16, u16, Option<NodeName>)> {
    let mut parts = range.into_iter();
    let mut slot = || number(parts.next()?);
    let (first, last) = (slot()?, slot()?);
    let mut primary = from_redis_value::<Vec<Value>>(parts.next()?).ok()?.into_iter();
    let host: Option<String> = from_redis_value(primary.next()?).ok()?;
    let port = number(primary.next()?).filter(|port| *port > 0)?;
    let _id = primary.next();
    // The other names of a node, since Redis 7: its address, where its host name is unknown.
    let others = primary.next().and_then(|others| from_redis_value(others).ok());
    let mut others: HashMap<String, String> = others.unwrap_or_default();
    let name = NodeName::new(&host.unwrap_or_default(), port);
    let name = name.or_else(|| NodeName::new(&others.remove("ip")?, port));
    (first <= last && usize::from(last) < SLOTS).then_some((first, last, name))
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
            // A node that is to tell host names, and knows none.
            ("*1 *3 :5 :5 *4 $1 ? :1 $1 x *2 $2 ip $1 i ", vec![(5, 5, host("i"), 1)]),
            ("*2 *3 :5 :5 *3 $1 ? :1 $1 x *3 :6 :6 *2 $1 h :1 ", vec![(6, 6, host("h"), 1)]),
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
