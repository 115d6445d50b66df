//! The operations of a store as messages.

use std::io;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Where the store listens.
pub(crate) const STORE: (&str, u16) = ("store", 6379);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) key: String,
    pub(crate) op: Op,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Op {
    Read,
    Acquire { token: String, lease: Duration, seen: Option<u64> },
    Renew { token: String, lease: Duration },
    Fill { token: String, value: Written },
    Release { token: String },
    Seize { token: String, lease: Duration },
    Invalidate,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Written {
    pub(crate) payload: Vec<u8>,
    pub(crate) delta: Duration,
    pub(crate) ttl: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Entry(Option<Found>),
    Lease,
    Newer(Found),
    Held { remaining: Duration },
    Done(bool),
}

/// An entry; times are microseconds of the store's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) payload: Vec<u8>,
    pub(crate) delta: Duration,
    pub(crate) expiry: u64,
    pub(crate) life: Duration,
    pub(crate) version: u64,
    pub(crate) now: u64,
}

/// A message with its length in front.
pub(crate) fn frame(message: &impl Serialize) -> Vec<u8> {
    let body = serde_json::to_vec(message).expect("a message is plain data");
    let length = u32::try_from(body.len()).expect("a message is small");
    [&length.to_be_bytes()[..], &body].concat()
}

pub(crate) async fn read_frame<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<T> {
    let length = from.read_u32().await?;
    let mut body = vec![0; usize::try_from(length).expect("32 bits are no more than a usize")];
    from.read_exact(&mut body).await?;
    serde_json::from_slice(&body).map_err(io::Error::from)
}
