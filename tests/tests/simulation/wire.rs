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
    Acquire { token: String, lease: Duration, take: Take, seen: Option<u64> },
    Renew { token: String, lease: Duration },
    Finish { tokens: Vec<String>, outcome: Outcome },
    Invalidate,
}

/// Which slot is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Take {
    IfFree,
    Beside,
    Force,
}

/// How a load ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Store(Written),
    Postpone(Duration),
    Release,
    Uncacheable(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    pub(crate) payload: Vec<u8>,
    pub(crate) delta: Duration,
    pub(crate) ttl: Duration,
    pub(crate) stale: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Entry(Option<Found>),
    Lease,
    Newer(Found),
    Held([Option<Holder>; 2]),
    Done(bool),
}

/// A token and what is left of its term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    pub(crate) token: String,
    pub(crate) remaining: Duration,
}

/// An entry; times are microseconds of the store's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Nothing in a mark.
    pub(crate) value: Option<Written>,
    pub(crate) written: u64,
    pub(crate) life: Duration,
    pub(crate) retry_at: Option<u64>,
    pub(crate) revision: u64,
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
