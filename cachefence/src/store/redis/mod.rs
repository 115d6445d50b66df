//! The store on a Redis server.
//!
//! An operation is read straight down: [`RedisStore`] turns it into bytes (`record`), a `protocol`
//! (`scripts`, or `transactions` where those are refused) sends it over a `link`, and `server` judges what
//! comes back (`failure`, `breaker`, `clock`). Reads go by themselves or in a `batch`; waiters are woken by
//! `tracking`.

mod acquire;
mod address;
mod batch;
mod breaker;
mod check;
mod clock;
mod credentials;
mod dial;
mod failure;
mod feature;
mod health;
mod lane;
mod large;
mod link;
mod multi;
mod on_drop;
mod options;
mod pool;
mod probe;
mod protocol;
mod read;
pub(crate) mod record;
mod refusal;
mod scripts;
mod server;
mod stream;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod tracking;
mod transactions;
mod watched;
mod words;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::RedisResult;

pub use self::credentials::Credentials;
use self::failure::{Answer, Failure, FailureKind};
use self::lane::LaneKind;
use self::link::Link;
pub use self::options::Redis;
use self::protocol::{Ending, How, Protocol, Target};
use self::record::Record;
use self::scripts::Scripts;
use self::server::Server;
#[cfg(feature = "tls")]
pub use self::tls::Tls;
use self::transactions::Transactions;
use super::{
    Acquire, Acquired, Kind, NewValue, Outcome, Revision, Snapshot, Status, Store, StoreFuture,
    StoreResult, Timestamp, Token, Traits,
};
use crate::bounds::LONGEST;
use crate::codec::CodecId;
use crate::error::{InvalidOption, StoreError, StoreErrorKind};
use crate::key::Key;
use crate::observe::Observers;
use crate::time::in_time;

/// How long an attempt to connect may take at least; more where an operation may take long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Entries and slots on one Redis server.
pub(crate) struct RedisStore {
    server: Arc<Server>,
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
        let dialer = redis.dialer(op_timeout.saturating_mul(4).max(CONNECT_TIMEOUT))?;
        let server = Arc::new(Server::new(dialer, &prefix, op_timeout, observers));
        Ok(Self { server, codec, prefix })
    }

    /// The entry in `bytes`, which `link` has brought, if they hold one of `key`.
    fn found(
        &self,
        link: &Arc<Link>,
        key: &Key,
        bytes: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Option<Snapshot> {
        let bytes = bytes?;
        self.server.large.learn(key, bytes.len());
        match Record::decode(key, self.codec, bytes.into(), now) {
            Record::Entry(entry) => Some(entry),
            Record::Foreign => None,
            Record::Stray => {
                self.server.strayed(link, key);
                None
            }
        }
    }

    fn target<'a>(&'a self, link: &'a Arc<Link>, key: &'a Key) -> Target<'a> {
        Target { server: &self.server, link, key, codec: self.codec }
    }

    /// The outcome of a load, in bytes.
    async fn ending(&self, key: &Key, outcome: &Outcome) -> Result<Ending, StoreError> {
        let revision = Revision(rand::random());
        let now = match outcome {
            Outcome::Release => Timestamp::from_micros(0), // which needs no round trip for the time
            _ => self.server.now().await?,
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

    /// Takes a step of the protocol by a script, unless scripts are refused here: then by a transaction.
    async fn step<T, S>(
        &self,
        step: impl Fn(&'static dyn Protocol, Arc<Link>) -> S,
    ) -> Result<T, StoreError>
    where
        S: Future<Output = Result<T, Failure>>,
    {
        if self.server.scripts.claim() {
            match step(&Scripts, self.server.links.here()?).await {
                Err(failure) if failure.kind == FailureKind::NoScripting => {
                    self.server.without_scripts();
                }
                result => {
                    if result.is_ok() && self.server.scripts.note_works() {
                        self.server.restored("runs scripts again");
                    }
                    return Ok(result?);
                }
            }
        }
        Ok(step(&Transactions, self.server.links.here()?).await?)
    }

    async fn try_finish(
        &self,
        key: &Key,
        tokens: &[Token],
        outcome: &Outcome,
    ) -> Result<bool, StoreError> {
        let server = &self.server;
        let ending = &self.ending(key, outcome).await?;
        let finished = match self.finish_once(key, tokens, ending).await {
            Err(lost) if lost.kind() == StoreErrorKind::Lost => {
                let again = pin!(self.finish_again(key, tokens, ending));
                in_time(server.op_timeout / 2, again).await.unwrap_or(Err(lost))?
            }
            finished => finished?,
        };
        // A release writes no entry, and a full server takes it.
        if finished && !ending.entry.is_empty() {
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
    ) -> Result<bool, StoreError> {
        let finish = |protocol: &'static dyn Protocol, link: Arc<Link>| async move {
            protocol.finish(self.target(&link, key), tokens, ending).await
        };
        self.step(finish).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        match self.delete_once(keys).await {
            // Deleting twice does no harm.
            Err(lost) if lost.kind() == StoreErrorKind::Lost => {
                let again = pin!(self.delete_once(keys));
                in_time(self.server.op_timeout / 2, again).await.unwrap_or(Err(lost))
            }
            deleted => deleted,
        }
    }

    async fn delete_once(&self, keys: &[Key]) -> Result<(), StoreError> {
        let server = &self.server;
        let link = server.links.here()?;
        let names = |key: &Key| [key.lease_name(), key.hedge_name(), key.as_str().to_owned()];
        let mut failed = keys.len();
        // Each reply has to be a count. On a connection whose replies have slipped, any other reply belongs
        // to another command, and the entry may still be there.
        let all = async {
            let mut connection = link.writes.connection().await?;
            let mut pipeline = redis::pipe();
            pipeline.ignore_errors();
            for key in keys {
                pipeline.cmd("DEL").arg(&names(key)[..]);
            }
            let all: Vec<RedisResult<u64>> = pipeline.query_async(&mut *connection).await?;
            failed = all.iter().filter(|deleted| deleted.is_err()).count();
            Answer::Ok(all.into_iter().try_for_each(|deleted| deleted.map(drop))?)
        };
        if keys.is_empty() {
            return Ok(());
        }
        let deleted = server.ask(&link, LaneKind::Writes, all).await.map_err(StoreError::from);
        match keys {
            [_] => deleted,
            _ => deleted.map_err(|error| error.of_entries(failed, keys.len())),
        }
    }
}

impl Store for RedisStore {
    fn check(&self) -> StoreResult<'_, ()> {
        StoreFuture::new(self.check_server())
    }

    fn traits(&self) -> Traits {
        let call_budget = Some(self.server.op_timeout);
        Traits { call_budget, wakes: true, ..Traits::default() }
    }

    fn status(&self) -> Status {
        self.server.status()
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::new(self.get(key))
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        StoreFuture::new(self.try_acquire(key, request))
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        StoreFuture::new(async move {
            let renew = |protocol: &'static dyn Protocol, link: Arc<Link>| async move {
                protocol.renew(self.target(&link, key), token, lease).await
            };
            self.step(renew).await
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
