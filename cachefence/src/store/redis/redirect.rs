//! Redirects: where a node of a cluster says that a key is.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::slot::SLOTS;

/// A node's answer that names another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) slot: u16,
    /// The node that holds the slot, or to which the slot is being handed.
    pub(super) node: NodeName,
    /// Whether the slot is still being handed over (`ASK`): then the node is asked for this key only, and has to be
    /// told so.
    pub(super) asking: bool,
}

/// How a node of a cluster is named by the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeName {
    /// The host; `None` is that of the node which gave the answer, where a node does not know its own.
    pub(super) host: Option<String>,
    pub(super) port: u16,
}

impl NodeName {
    /// The node at `host`. An empty one is that of the node which gave the answer. `None` if the host is `?`: a node
    /// gives that for one of which it knows no host name, where it is to give those.
    pub(super) fn new(host: &str, port: u16) -> Option<Self> {
        let own = host.is_empty();
        (host != "?" && port > 0).then(|| Self { host: (!own).then(|| host.to_owned()), port })
    }

    /// Reads `host:port`. An IPv6 address has more colons.
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Self::new(host, port.parse().ok()?)
    }
}

impl Redirect {
    /// The redirect in `error`, if there is a usable one.
    pub(super) fn of(error: &RedisError) -> Option<Self> {
        let asking = match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => false,
            ErrorKind::Server(ServerErrorKind::Ask) => true,
            _ => return None,
        };
        let (slot, node) = error.detail()?.split_once(' ')?;
        let slot = slot.parse().ok().filter(|slot| usize::from(*slot) < SLOTS)?;
        Some(Self { slot, node: NodeName::parse(node.trim())?, asking })
    }
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    fn redirect(line: &str) -> Option<Redirect> {
        let reply = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        Redirect::of(&reply.extract_error().unwrap_err())
    }

    #[test]
    fn a_redirect_names_a_slot_and_a_node() {
        for (line, slot, host, port, asking) in [
            ("MOVED 3999 127.0.0.1:6381", 3_999, Some("127.0.0.1"), 6_381, false),
            ("ASK 0 ::1:6381", 0, Some("::1"), 6_381, true),
            ("MOVED 16383 cache-2.internal:1", 16_383, Some("cache-2.internal"), 1, false),
            ("MOVED 1 :6380", 1, None, 6_380, false),
        ] {
            let node = NodeName { host: host.map(str::to_owned), port };
            assert_eq!(redirect(line), Some(Redirect { slot, node, asking }), "{line}");
        }
    }

    #[test]
    fn garbage_is_no_redirect() {
        for line in [
            "MOVED",
            "MOVED 1",
            "MOVED x 127.0.0.1:1",
            "MOVED 16384 127.0.0.1:1",
            "MOVED 1 127.0.0.1",
            "ASK 1 ?:6380",
            "MOVED 1 127.0.0.1:0",
            "MOVED 1 127.0.0.1:65536",
            "ERR 1 127.0.0.1:1",
        ] {
            assert_eq!(redirect(line), None, "{line}");
        }
    }
}
