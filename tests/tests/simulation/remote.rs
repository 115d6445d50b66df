//! The store as a worker has it: every operation is a message there and one back.

use std::io;
use std::time::Duration;

use cachefence::Store;
use cachefence::store::{
    self as api, Acquire, Acquired, Held, Key, NewValue, Revision, Snapshot, StoreError,
    StoreFuture, StoreResult, Timestamp, Token, Traits,
};
use tokio::time::timeout;

use crate::pipeline::Pipeline;
use crate::plan::{OP_TIMEOUT, Transport};
use crate::pool::Pool;
use crate::wire::{Found, Holder, Op, Outcome, Reply, Request, Take, Written, frame};

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
    fn traits(&self) -> Traits {
        let mut traits = Traits::default();
        traits.call_budget = Some(OP_TIMEOUT);
        traits
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::new(async {
            match self.ask(key, Op::Read).await? {
                Reply::Entry(found) => Ok(found.map(snapshot)),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        let take = match request.take {
            api::Take::Beside => Take::Beside,
            api::Take::Force => Take::Force,
            _ => Take::IfFree,
        };
        let seen = request.seen.map(|Revision(seen)| seen);
        let (token, lease) = (request.token.to_string(), request.lease);
        let op = Op::Acquire { token, lease, take, seen };
        StoreFuture::new(async {
            match self.ask(key, op).await? {
                Reply::Lease => Ok(Acquired::Lease),
                Reply::Newer(found) => Ok(Acquired::Newer(snapshot(found))),
                Reply::Held([lease, hedge]) => Ok(Acquired::Held(Held::new(
                    lease.as_ref().map(holder),
                    hedge.as_ref().map(holder),
                ))),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        let op = Op::Renew { token: token.to_string(), lease };
        StoreFuture::new(self.ask_whether(key, op))
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a api::Outcome,
    ) -> StoreResult<'a, bool> {
        let outcome = match outcome {
            api::Outcome::Store(value) => Outcome::Store(written(value)),
            api::Outcome::Postpone(pause) => Outcome::Postpone(*pause),
            api::Outcome::Uncacheable(ttl) => Outcome::Uncacheable(*ttl),
            _ => Outcome::Release,
        };
        let op = Op::Finish { tokens: tokens.iter().map(Token::to_string).collect(), outcome };
        StoreFuture::new(self.ask_whether(key, op))
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        StoreFuture::new(async move {
            let mut result = Ok(());
            for key in keys {
                result = result.and(self.ask_whether(key, Op::Invalidate).await.map(drop));
            }
            result
        })
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
    let NewValue { delta, ttl, stale, .. } = *value;
    Written { payload: value.payload.to_vec(), delta, ttl, stale }
}

fn holder(holder: &Holder) -> api::Holder {
    let token = holder.token.parse().expect("what was sent is a token");
    api::Holder::new(token, holder.remaining)
}

fn snapshot(found: Found) -> Snapshot {
    let revision = Revision(found.revision);
    let [written, now] = [found.written, found.now].map(Timestamp::from_micros);
    let snapshot = match found.value {
        Some(value) => {
            let value = NewValue::new(value.payload, value.ttl).delta(value.delta);
            Snapshot::new(value, revision, written, now)
        }
        None => Snapshot::uncacheable(found.life, revision, written, now),
    };
    snapshot.retry_at(found.retry_at.map(Timestamp::from_micros))
}
