//! The store on a Redis server.
//!
//! An operation is read straight down: [`RedisStore`] turns it into bytes (`record`), a `protocol` (`scripts`,
//! or `transactions` where those are refused) sends it over a `link`, and `server` judges what comes back
//! (`failure`, `breaker`, `clock`). Reads go by themselves or in a `batch`; those who wait are woken by
//! `tracking`.

mod batch;
mod breaker;
mod clock;
mod connection;
mod failure;
mod link;
mod protocol;
pub(crate) mod record;
mod scripts;
mod server;
mod tracking;
mod transactions;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use redis::{Client, RedisResult};
use tokio::time::Instant;

use self::failure::{Failure, Read};
use self::link::Link;
use self::protocol::{At, Ending, Entry, HeldOff, Protocol, Reply};
use self::record::Record;
use self::server::{Server, timestamp};
use self::tracking::Found;
use super::{
    Acquire, Acquired, Outcome, Revision, Snapshot, Status, Store, StoreFuture, StoreResult,
    Timestamp, Token, Traits, Watch,
};
use crate::chance::Chance;
use crate::codec::CodecId;
use crate::error::{InvalidOption, StoreError};
use crate::key::Key;
use crate::options::LONGEST;
use crate::time::in_time;

/// How long the first contact may take, when a cache is built.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Entries and slots on one Redis server.
pub(crate) struct RedisStore {
    server: Arc<Server>,
    /// What its entries are encoded by.
    codec: CodecId,
    /// Where revisions come from.
    chance: Chance,
}

impl RedisStore {
    /// A store at `url`, each of whose operations may take `op_timeout`; does no I/O.
    pub(crate) fn open(
        url: &str,
        op_timeout: Duration,
        codec: CodecId,
    ) -> Result<Self, InvalidOption> {
        let client = Client::open(url).map_err(|_| {
            // What the client says may quote the URL, and with it the password.
            InvalidOption::url(
                "redis",
                "it must be `redis://[user:password@]host[:port][/db]` or `unix:///path/to/socket`",
            )
        })?;
        let server = Arc::new(Server::new(client, op_timeout));
        Ok(Self { server, codec, chance: Chance::default() })
    }

    async fn get(&self, key: &Key) -> Result<Option<Snapshot>, StoreError> {
        let server = &self.server;
        let asked = Instant::now();
        if !server.clock.is_known(asked) {
            // In a box, since it is seldom: what a hit moves around is small.
            return Box::pin(self.get_with_time(key)).await;
        }
        let link = server.links.here()?;
        let reply = pin!(link.reads.read(key.as_str(), asked, server.op_timeout));
        match server.ask_in_time(asked, reply).await {
            Ok(entry) => match server.clock.now() {
                Some(now) => Ok(self.snapshot(key, entry, now)),
                None => Box::pin(self.get_with_time(key)).await,
            },
            Err(failure) => Box::pin(self.unread(key, failure)).await,
        }
    }

    /// As [`get`](Self::get); the same round trip brings the time.
    async fn get_with_time(&self, key: &Key) -> Result<Option<Snapshot>, StoreError> {
        match self.ask_with_time(key).await {
            Ok(found) => Ok(found),
            Err(failure) => self.unread(key, failure).await,
        }
    }

    async fn ask_with_time(&self, key: &Key) -> Result<Option<Snapshot>, Failure> {
        let server = &self.server;
        let link = server.links.here().map_err(Failure::Failed)?;
        let both = async {
            let mut pipeline = redis::pipe();
            pipeline.ignore_errors().cmd("GET").arg(key.as_str()).cmd("TIME");
            let (entry, time): (RedisResult<Option<Vec<u8>>>, (u64, u64)) =
                pipeline.query_async(&mut link.shared.clone()).await?;
            Ok((entry, Some(time)))
        };
        let (entry, now) = server.ask_timed(both).await?;
        let entry = entry.map_err(|error| Failure::classify(server.address(), error))?;
        let now = match now {
            Some(now) => now,
            None => server.now().await.map_err(Failure::Failed)?,
        };
        Ok(self.snapshot(key, entry, now))
    }

    /// What a read comes to that failed for a `failure`.
    async fn unread(&self, key: &Key, failure: Failure) -> Result<Option<Snapshot>, StoreError> {
        let server = &self.server;
        let failure = match failure.meaning().read {
            Read::Again => {
                let again = in_time(server.op_timeout / 2, pin!(self.ask_with_time(key))).await;
                match again {
                    Some(Ok(found)) => return Ok(found),
                    Some(Err(failure)) => failure,
                    None => failure,
                }
            }
            Read::Miss | Read::Error => failure,
        };
        match failure.meaning().read {
            Read::Miss => Ok(None),
            Read::Again | Read::Error => Err(server.report(failure)),
        }
    }

    /// The entry in `bytes`, if they are one of `key`.
    fn snapshot(&self, key: &Key, bytes: Option<Vec<u8>>, now: Timestamp) -> Option<Snapshot> {
        match Record::decode(key, self.codec, bytes?.into(), now) {
            Record::Entry(entry) => Some(entry),
            Record::Foreign => None,
            Record::Stray => {
                self.server.strayed(key);
                None
            }
        }
    }

    fn at<'a>(&'a self, link: &'a Link, key: &'a Key) -> At<'a> {
        At { links: &self.server.links, link, key, codec: self.codec }
    }

    /// Asks for a slot over the shared connection.
    async fn acquire_once(
        &self,
        key: &Key,
        request: &Acquire<'_>,
    ) -> Result<(Reply, Option<Timestamp>), StoreError> {
        let server = &self.server;
        let acquire = |protocol: &'static dyn Protocol, link: Arc<Link>| async move {
            let with_time = !server.clock.is_known(Instant::now());
            let reply = protocol.acquire(self.at(&link, key), request, with_time);
            server.ask_timed(reply).await
        };
        server.step(acquire).await
    }

    /// As [`acquire_once`](Self::acquire_once), over the connection on which the server tells what has
    /// changed. `None` if there is no such connection, or not yet: then nothing was asked.
    async fn acquire_tracked(
        &self,
        key: &Key,
        request: &Acquire<'_>,
        watch: &Watch,
    ) -> Option<Result<Reply, StoreError>> {
        let server = &self.server;
        let link = match server.links.here() {
            Ok(link) => link,
            Err(error) => return Some(Err(error)),
        };
        let mut used = None;
        let reply = async {
            let tracked = match link.tracking.connection(server.links.client()).await {
                Found::Here(tracked) => used.insert(tracked),
                Found::NotNow => return Ok(None),
                Found::Never => {
                    server.without_pushes();
                    return Ok(None);
                }
            };
            // Before it looks: what happens after that is not missed.
            tracked.add(key, watch);
            let mut connection = tracked.connection();
            scripts::acquire_tracked(&mut connection, self.at(&link, key), request).await.map(Some)
        };
        // It has a connection of its own, so it says nothing about the server, and may take only a
        // part of the time: what is left is for the shared one.
        let reply = in_time(server.op_timeout / 2, pin!(reply)).await;
        let tracked = used?;
        let error = match reply {
            Some(Ok(Some(reply))) => return Some(Ok(reply)),
            Some(Err(error)) => server.report(Failure::classify(server.address(), error)),
            Some(Ok(None)) | None => {
                StoreError::unsaid("the connection of those who wait does not answer")
            }
        };
        link.tracking.leave(tracked.number());
        Some(Err(error))
    }

    /// Whether the caller of an acquire is to be woken: if that takes no longer than not to, or if it turned
    /// out that it waits.
    fn arms(&self, watch: &Watch) -> bool {
        let server = &self.server;
        let is_there = || server.links.here().is_ok_and(|link| link.tracking.is_taken());
        server.pushes() && !server.is_left_alone() && (!watch.is_new() || is_there())
    }

    async fn acquire_any(
        &self,
        key: &Key,
        request: &Acquire<'_>,
    ) -> Result<(Reply, Option<Timestamp>), StoreError> {
        if let Some(watch) = request.watch.filter(|watch| self.arms(watch))
            && let Some(reply) = self.acquire_tracked(key, request, watch).await
        {
            return reply.map(|reply| (reply, None));
        }
        self.acquire_once(key, request).await
    }

    /// The entry, if it is another than the caller saw.
    async fn changed(&self, key: &Key, seen: Option<Revision>) -> Option<Snapshot> {
        let found = in_time(self.server.op_timeout / 2, pin!(self.get(key))).await?.ok()??;
        (Some(found.revision) != seen).then_some(found)
    }

    async fn try_acquire(&self, key: &Key, request: &Acquire<'_>) -> Result<Acquired, StoreError> {
        // A woken waiter mostly finds a value, and one GET is the cheapest way to fetch it.
        if let Some(watch) = request.watch
            && watch.is_armed()
            && self.arms(watch)
            && let Some(entry) = self.changed(key, request.seen).await
        {
            return Ok(Acquired::Newer(entry));
        }
        let mut request = *request;
        loop {
            let (reply, now) = self.acquire_any(key, &request).await?;
            let bytes = match reply {
                Reply::Lease => return Ok(Acquired::Lease),
                Reply::Held(held) => return Ok(Acquired::Held(held)),
                Reply::Newer(bytes) => bytes,
            };
            let now = match now {
                Some(now) => now,
                None => self.server.now().await?,
            };
            let revision = record::revision_of(key, self.codec, &bytes);
            if let Some(newer) = self.snapshot(key, Some(bytes), now) {
                return Ok(Acquired::Newer(newer));
            }
            // It begins as an entry does and is none, so that it is written over like any garbage.
            if revision.is_none() || revision == request.seen {
                return Err(StoreError::new("the store gave an entry that is none"));
            }
            request.seen = revision;
        }
    }

    /// How a load ended, in bytes.
    async fn ending(&self, key: &Key, outcome: &Outcome) -> Result<Ending, StoreError> {
        let revision = Revision(self.chance.number());
        let held_off = |pause, now: Timestamp| HeldOff { revision, retry_at: now.after(pause) };
        Ok(match outcome {
            Outcome::Store(value) => {
                let now = self.server.now().await?;
                let bytes = record::encode(key, self.codec, revision, value, now);
                let life = value.ttl.saturating_add(value.stale).min(LONGEST);
                Ending::Store(Entry { bytes, life })
            }
            Outcome::Uncacheable(ttl) => {
                let now = self.server.now().await?;
                let bytes = record::encode_mark(key, self.codec, revision, *ttl, now);
                Ending::Mark(Entry { bytes, life: *ttl }, held_off(*ttl, now), now)
            }
            Outcome::Postpone(pause) => {
                Ending::Postpone(held_off(*pause, self.server.now().await?))
            }
            Outcome::Release => Ending::Release,
        })
    }

    async fn try_finish(
        &self,
        key: &Key,
        tokens: &[Token],
        outcome: &Outcome,
    ) -> Result<bool, StoreError> {
        let server = &self.server;
        let ending = &self.ending(key, outcome).await?;
        let finish = |protocol: &'static dyn Protocol, link: Arc<Link>| async move {
            server.ask(protocol.finish(self.at(&link, key), tokens, ending)).await
        };
        let finished = server.step(finish).await?;
        if finished {
            server.wrote();
        }
        Ok(finished)
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        let server = &self.server;
        let mut shared = server.links.here()?.shared.clone();
        let names = |key: &Key| [key.lease_name(), key.hedge_name(), key.as_str().to_owned()];
        // A count, and no other reply: on a connection whose replies have slipped, that would be
        // another's, and the entry still there.
        let deleted = match keys {
            [] => Ok(()),
            [key] => {
                let mut del = redis::cmd("DEL");
                del.arg(&names(key)[..]);
                server.ask(del.query_async::<u64>(&mut shared)).await.map(drop)
            }
            keys => {
                let mut pipeline = redis::pipe();
                pipeline.ignore_errors();
                for key in keys {
                    pipeline.cmd("DEL").arg(&names(key)[..]);
                }
                let all = async {
                    let all: Vec<RedisResult<u64>> = pipeline.query_async(&mut shared).await?;
                    all.into_iter().try_for_each(|deleted| deleted.map(drop))
                };
                server.ask(all).await
            }
        };
        deleted.map_err(|failure| server.report(failure))
    }

    async fn connect(&self) -> Result<(), StoreError> {
        let server = &self.server;
        let mut shared = server.links.here()?.shared.clone();
        let sent = Instant::now();
        let time = redis::cmd("TIME");
        let time = time.query_async(&mut shared);
        let time = server.with_timeout(sent, CHECK_TIMEOUT, pin!(time)).await;
        server.clock.learn(sent, timestamp(time.map_err(|failure| server.report(failure))?));
        // This may be polled elsewhere by now.
        let mut shared = server.links.here()?.shared.clone();
        let load = scripts::load(&mut shared);
        match server.with_timeout(Instant::now(), CHECK_TIMEOUT, pin!(load)).await {
            Ok(()) => Ok(()),
            Err(Failure::NoScripting) => {
                server.without_scripts();
                Ok(())
            }
            Err(failure) => Err(server.report(failure)),
        }
    }
}

impl Store for RedisStore {
    fn check(&self) -> StoreResult<'_, ()> {
        StoreFuture::new(self.connect())
    }

    fn traits(&self) -> Traits {
        Traits::new().call_budget(self.server.op_timeout).wakes(true)
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
            let server = &self.server;
            let renew = |protocol: &'static dyn Protocol, link: Arc<Link>| async move {
                server.ask(protocol.renew(self.at(&link, key), token, lease)).await
            };
            server.step(renew).await
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

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("server", &self.server.address().to_string())
            .finish_non_exhaustive()
    }
}
