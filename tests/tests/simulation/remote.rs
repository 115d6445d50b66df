//! The store as a worker has it: every operation is a message there and one back.

use std::io;
use std::time::Duration;

use cachefence::{
    Acquired, Key, Kind, NewValue, Revision, Snapshot, Store, StoreError, StoreFuture, StoreResult,
    Timestamp, Token,
};
use tokio::time::timeout;

use crate::pipeline::Pipeline;
use crate::plan::{OP_TIMEOUT, Transport};
use crate::pool::Pool;
use crate::wire::{Found, Op, Reply, Request, Written, frame};

pub(crate) struct RemoteStore(Line);

enum Line {
    Pool(Pool),
    Pipeline(Pipeline),
}

impl RemoteStore {
    pub(crate) fn new(transport: Transport) -> Self {
        Self(match transport {
            Transport::Pool => Line::Pool(Pool::default()),
            Transport::Pipeline => Line::Pipeline(Pipeline::default()),
        })
    }

    /// Sends `op`, once. An error says nothing about whether the store has done it, or will.
    async fn ask(&self, key: &Key, op: Op) -> Result<Reply, StoreError> {
        let request = frame(&Request { key: key.as_str().to_owned(), op });
        let exchange = async {
            match &self.0 {
                Line::Pool(pool) => pool.exchange(request).await,
                Line::Pipeline(pipeline) => pipeline.exchange(request).await,
            }
        };
        match timeout(OP_TIMEOUT, exchange).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(StoreError::new("the connection broke").with_source(error)),
            Err(_) => {
                if let Line::Pipeline(pipeline) = &self.0 {
                    pipeline.hang_up();
                }
                Err(StoreError::new("the store did not answer in time"))
            }
        }
    }

    async fn ask_whether(&self, key: &Key, op: Op) -> Result<bool, StoreError> {
        match self.ask(key, op).await? {
            Reply::Done(done) => Ok(done),
            other => Err(unexpected(&other)),
        }
    }
}

impl Store for RemoteStore {
    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::new(async {
            match self.ask(key, Op::Read).await? {
                Reply::Entry(found) => Ok(found.map(snapshot)),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn acquire<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
        seen: Option<Revision>,
    ) -> StoreResult<'a, Acquired> {
        let seen = seen.map(|Revision(seen)| seen);
        let op = Op::Acquire { token: token.to_string(), lease, seen };
        StoreFuture::new(async {
            match self.ask(key, op).await? {
                Reply::Lease => Ok(Acquired::Lease),
                Reply::Newer(found) => Ok(Acquired::Newer(snapshot(found))),
                Reply::Held { remaining } => Ok(Acquired::Held { remaining }),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
    ) -> StoreResult<'a, bool> {
        let op = Op::Renew { token: token.to_string(), lease };
        StoreFuture::new(self.ask_whether(key, op))
    }

    fn fill<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        value: &'a NewValue,
    ) -> StoreResult<'a, bool> {
        let op = Op::Fill { token: token.to_string(), value: written(value) };
        StoreFuture::new(self.ask_whether(key, op))
    }

    fn release<'a>(&'a self, key: &'a Key, token: &'a Token) -> StoreResult<'a, bool> {
        let op = Op::Release { token: token.to_string() };
        StoreFuture::new(self.ask_whether(key, op))
    }

    fn seize<'a>(&'a self, key: &'a Key, token: &'a Token, lease: Duration) -> StoreResult<'a, ()> {
        let op = Op::Seize { token: token.to_string(), lease };
        StoreFuture::new(async { self.ask_whether(key, op).await.map(drop) })
    }

    fn invalidate<'a>(&'a self, key: &'a Key) -> StoreResult<'a, ()> {
        StoreFuture::new(async { self.ask_whether(key, Op::Invalidate).await.map(drop) })
    }
}

/// The connection broke before the reply.
pub(crate) fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn unexpected(reply: &Reply) -> StoreError {
    StoreError::new(format!("no such reply was expected: {reply:?}"))
}

fn written(value: &NewValue) -> Written {
    Written { payload: value.payload.to_vec(), delta: value.delta, ttl: value.ttl }
}

fn snapshot(found: Found) -> Snapshot {
    Snapshot {
        payload: found.payload.into(),
        kind: Kind::Value,
        life: found.life,
        delta: found.delta,
        expiry: Timestamp::from_micros(found.expiry),
        retry_at: None,
        revision: Revision(found.version),
        now: Timestamp::from_micros(found.now),
    }
}
