//! A free port for a server.
//!
//! Not by binding port 0: the kernel takes that one from the ephemeral range, out of which it also serves outgoing
//! connections. While a server is down, a client that keeps connecting to such a port is in time given that very
//! port as its own, connects *to itself*, and the server cannot come back. So ports come from below the range.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::{Ipv4Addr, TcpListener};

/// The first port tried and the number of them; the ephemeral range begins at 32768 on Linux, at 49152 elsewhere.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;

/// By how much the port of a cluster's bus is above that of its node.
const BUS: u16 = 10_000;

/// As [`COUNT`], for a node of a cluster: the port of its bus is below the ephemeral range too.
const COUNT_OF_NODES: u16 = 32_768 - BUS - FIRST;

/// Returns a port on 127.0.0.1 that nobody listens on at the moment.
///
/// Another process may take it before the caller does, so the caller has to try again with another when it did.
pub(crate) fn free() -> u16 {
    loop {
        let port = random(COUNT);
        if is_free(port) {
            return port;
        }
    }
}

/// As [`free`], for a node of a cluster, which takes two ports.
pub(crate) fn free_for_a_node() -> u16 {
    loop {
        let port = random(COUNT_OF_NODES);
        if is_free(port) && is_free(port + BUS) {
            return port;
        }
    }
}

fn random(count: u16) -> u16 {
    let random = RandomState::new().hash_one(()) % u64::from(count);
    FIRST + u16::try_from(random).expect("a remainder below a u16 fits")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
