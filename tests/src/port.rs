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

/// Returns a port on 127.0.0.1 that nobody listens on at the moment.
///
/// Another process may take it before the caller does, so the caller has to try again with another when it did.
pub(crate) fn free() -> u16 {
    loop {
        let random = RandomState::new().hash_one(()) % u64::from(COUNT);
        let port = FIRST + u16::try_from(random).expect("a remainder below COUNT fits");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
