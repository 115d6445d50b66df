//! The store on Redis: one server, or the nodes of a cluster.
//!
//! An operation is read straight down: [`RedisStore`] turns it into bytes (`record`) and chooses the server of its key
//! (`servers`, `cluster`), a `protocol` (`scripts`, or `transactions` where those are refused) sends it over a `link`
//! to that server, and `server` judges the reply (`failure`, `breaker`, `clock`). Reads go by themselves or in a
//! `batch`; waiters are woken by `tracking`.

mod acquire;
mod address;
mod batch;
mod breaker;
mod check;
mod clock;
mod cluster;
mod cluster_slots;
mod credentials;
mod delete;
mod dial;
mod dialed;
mod dialer;
mod failure;
mod feature;
mod health;
mod lane;
mod large;
mod link;
mod migrating;
mod multi;
mod on_drop;
mod options;
mod pool;
mod primary;
mod probe;
mod protocol;
mod read;
pub(crate) mod record;
mod redirect;
mod refresh;
mod refusal;
mod scripts;
mod sentinel;
mod server;
mod servers;
mod slot;
mod stream;
mod switches;
mod table;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod tracking;
mod transactions;
mod votes;
mod watched;
mod whereabouts;
mod words;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::cluster::MOST_HOPS;
pub use self::credentials::Credentials;
use self::failure::{Failure, FailureKind};
use self::link::Link;
pub use self::options::Redis;
use self::protocol::{Ending, How, Protocol, Target};
use self::record::Record;
use self::scripts::Scripts;
use self::server::{Common, Server};
use self::servers::Servers;
#[cfg(feature = "tls")]
pub use self::tls::Tls;
use self::transactions::Transactions;
use super::{
    Acquire, Acquired, Kind, NewValue, Outcome, Revision, Snapshot, Status, Store, StoreFuture,
    StoreResult, Timestamp, Token, Traits,
};
use crate::bounds::LONGEST;
use crate::codec::CodecId;
use crate::error::{InvalidOption, StoreError};
use crate::key::Key;
use crate::observe::Observers;
use crate::time::in_time;

/// Entries and slots on one Redis server, or on the nodes of a cluster.
pub(crate) struct RedisStore {
    servers: Servers,
    op_timeout: Duration,
    /// The codec by which the store's values are encoded.
    codec: CodecId,
    /// What every name of the cache begins with.
    prefix: String,
}

impl RedisStore {
    /// A store on `redis` of keys that begin with `prefix`, each of whose operations may take `op_timeout`; does no
    /// I/O.
    pub(crate) fn open(
        redis: Redis,
        prefix: String,
        op_timeout: Duration,
        codec: CodecId,
        observers: Arc<Observers>,
    ) -> Result<Self, InvalidOption> {
        let common = Common { prefix: prefix.clone(), op_timeout, observers };
        Ok(Self { servers: redis.servers(common)?, op_timeout, codec, prefix })
    }

    /// The entry in `bytes`, which `link` has brought from `server`, if they hold one of `key`.
    fn found(
        &self,
        (server, link): (&Server, &Arc<Link>),
        key: &Key,
        bytes: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Option<Snapshot> {
        let bytes = bytes?;
        server.large.learn(key, bytes.len());
        match Record::decode(key, self.codec, bytes.into(), now) {
            Record::Entry(entry) => Some(entry),
            Record::Foreign => None,
            Record::Stray => {
                server.strayed(link, key);
                None
            }
        }
    }

    /// The outcome of a load, in bytes.
    async fn ending(&self, key: &Key, outcome: &Outcome) -> Result<Ending, StoreError> {
        let revision = Revision(rand::random());
        let now = match outcome {
            Outcome::Release => Timestamp::from_micros(0), // which needs no round trip for the time
            _ => self.servers.of(key).now().await?,
        };
        let encode =
            |kind, value: &NewValue| record::encode(key, self.codec, revision, kind, value, now);
        let (how, entry, life, pause) = match outcome {
            Outcome::Store(value) => {
                let life = value.ttl.saturating_add(value.stale).min(LONGEST);
                (How::Store, encode(Kind::Value, value), life, Duration::ZERO)
            }
            Outcome::Uncacheable(ttl) => {
                let mark = NewValue::new(Bytes::new(), *ttl);
                (How::Mark, encode(Kind::Uncacheable, &mark), *ttl, *ttl)
            }
            Outcome::Postpone(pause) => (How::Postpone, Vec::new(), Duration::ZERO, *pause),
            Outcome::Release => (How::Release, Vec::new(), Duration::ZERO, Duration::ZERO),
        };
        let (entry, retry_at) = (entry.into(), now.after(pause));
        Ok(Ending { how, entry, life, revision, retry_at, now })
    }

    /// Has the server of `key` take a step of the protocol. If the node of a cluster names another that holds the key
    /// now, that one is asked.
    async fn step<T, S>(&self, key: &Key, step: impl Fn(At) -> S) -> Result<T, Failure>
    where
        S: Future<Output = Result<T, Failure>>,
    {
        let server = self.servers.of(key);
        let failure = match step_at(&server, &step).await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        let Some(named) = self.moved_to(&server, &failure) else { return Err(failure) };
        let limit = self.op_timeout / 2;
        let elsewhere = pin!(self.step_elsewhere(Arc::clone(&named), step));
        let late = || Err(Failure::timeout(named.address(), limit));
        in_time(limit, elsewhere).await.unwrap_or_else(late)
    }

    /// Has `server` take a step, to which another node has sent it, and after that one node more at the most.
    async fn step_elsewhere<T, S>(
        &self,
        mut server: Arc<Server>,
        step: impl Fn(At) -> S,
    ) -> Result<T, Failure>
    where
        S: Future<Output = Result<T, Failure>>,
    {
        let mut hops = 1;
        loop {
            let failure = match step_at(&server, &step).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            match self.moved_to(&server, &failure) {
                Some(next) if hops < MOST_HOPS => server = next,
                _ => return Err(failure),
            }
            hops += 1;
        }
    }

    /// The node to which `asked` has sent a step by `MOVED`. A node that is named by `ASK` is importing the slot, and takes
    /// no step unless it has all three names, of which mostly one does not exist.
    fn moved_to(&self, asked: &Arc<Server>, failure: &Failure) -> Option<Arc<Server>> {
        self.servers.next_hop(asked, failure).filter(|hop| !hop.asking).map(|hop| hop.server)
    }

    async fn try_finish(
        &self,
        key: &Key,
        tokens: &[Token],
        outcome: &Outcome,
    ) -> Result<bool, StoreError> {
        let ending = &self.ending(key, outcome).await?;
        let finished = match self.finish_once(key, tokens, ending).await {
            Err(lost) if lost.kind == FailureKind::Lost => {
                let again = pin!(self.finish_again(key, tokens, ending));
                in_time(self.op_timeout / 2, again).await.unwrap_or_else(|| Err(lost.into()))?
            }
            // Nothing is stored between two nodes, and nobody is to wait for the lease.
            Err(failure) if failure.is_migrating() => {
                let released = self.release_migrating(key, tokens).await;
                if ending.how != How::Release {
                    return Err(failure.into());
                }
                released?
            }
            finished => finished?,
        };
        // A release writes no entry, and a full server takes it.
        if finished && !ending.entry.is_empty() {
            let server = self.servers.of(key);
            server.wrote();
            server.large.learn(key, ending.entry.len());
        }
        Ok(finished)
    }

    /// Sends once more what was lost with its connection. A token is good for one store: if the first request was
    /// carried out, the second is refused, and the entry has this ending's revision.
    async fn finish_again(
        &self,
        key: &Key,
        tokens: &[Token],
        ending: &Ending,
    ) -> Result<bool, StoreError> {
        if self.finish_once(key, tokens, ending).await? {
            return Ok(true);
        }
        if ending.how == How::Release {
            return Ok(false);
        }
        Ok(self.get(key).await?.is_some_and(|found| found.revision == ending.revision))
    }

    async fn finish_once(
        &self,
        key: &Key,
        tokens: &[Token],
        ending: &Ending,
    ) -> Result<bool, Failure> {
        let finish = |at: At| async move {
            at.protocol.finish(at.target(key, self.codec), tokens, ending).await
        };
        self.step(key, finish).await
    }
}

/// Where, over what and by which protocol a step is taken.
struct At {
    server: Arc<Server>,
    link: Arc<Link>,
    protocol: &'static dyn Protocol,
}

impl At {
    fn target<'a>(&'a self, key: &'a Key, codec: CodecId) -> Target<'a> {
        Target { server: &self.server, link: &self.link, key, codec }
    }
}

/// Has `server` take a step by a script, unless scripts are refused there: then by a transaction.
async fn step_at<T, S>(server: &Arc<Server>, step: &impl Fn(At) -> S) -> Result<T, Failure>
where
    S: Future<Output = Result<T, Failure>>,
{
    let at = |protocol| {
        let link = server.links.here()?;
        Ok::<_, Failure>(At { server: Arc::clone(server), link, protocol })
    };
    if server.scripts.claim() {
        match step(at(&Scripts)?).await {
            Err(failure) if failure.kind == FailureKind::NoScripting => server.without_scripts(),
            result => {
                if result.is_ok() && server.scripts.note_works() {
                    server.restored("runs scripts again");
                }
                return result;
            }
        }
    }
    step(at(&Transactions)?).await
}

impl Store for RedisStore {
    fn check(&self) -> StoreResult<'_, ()> {
        StoreFuture::new(self.check_servers())
    }

    fn traits(&self) -> Traits {
        let call_budget = Some(self.op_timeout);
        Traits { call_budget, wakes: true, ..Traits::default() }
    }

    fn status(&self) -> Status {
        self.servers.status()
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::new(self.get(key))
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        StoreFuture::new(self.try_acquire(key, request))
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        StoreFuture::new(async move {
            let renew = |at: At| async move {
                at.protocol.renew(at.target(key, self.codec), token, lease).await
            };
            match self.step(key, renew).await {
                Err(failure) if failure.is_migrating() => {
                    Ok(self.renew_migrating(key, token, lease).await?)
                }
                renewed => Ok(renewed?),
            }
        })
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool> {
        StoreFuture::new(self.try_finish(key, tokens, outcome))
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        StoreFuture::new(self.delete(keys))
    }
}
