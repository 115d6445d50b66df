//! The store on a Redis server.

mod breaker;
mod clock;
mod failure;
mod link;
mod optimistic;
pub(crate) mod record;
mod scripts;
mod server;
mod shared;
mod together;
mod watches;
mod watching;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use redis::{Client, RedisResult};
use tokio::time::Instant;

use self::failure::Failure;
use self::link::Link;
use self::record::Record;
use self::scripts::{Reply, millis};
use self::server::{Server, timestamp};
use super::{
    Acquired, NewValue, Revision, Snapshot, Store, StoreFuture, StoreResult, Timestamp, Token,
    Watch,
};
use crate::codec::CodecId;
use crate::error::{InvalidOption, StoreError};
use crate::key::Key;
use crate::options::LONGEST;
use crate::time::in_time;

/// How long the first contact may take, when a cache is built.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Entries and locks on one Redis server.
pub(crate) struct RedisStore {
    server: Arc<Server>,
    /// What its entries are encoded by.
    codec: CodecId,
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
        Ok(Self { server: Arc::new(Server::new(client, op_timeout)), codec })
    }

    async fn get(&self, key: &Key) -> Result<Option<Snapshot>, StoreError> {
        let server = &self.server;
        let asked = Instant::now();
        if !server.clock.is_known(asked) {
            // In a box, since it is seldom: what a hit moves around is small.
            return Box::pin(self.get_with_time(key)).await;
        }
        let link = server.links.here()?;
        let reply = pin!(together::read(&link, key.as_str(), asked, server.op_timeout));
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
        let failure = match failure {
            // What was lost with its connection, at once, may be read over the next one in time.
            Failure::Lost(lost) => {
                let again = in_time(server.op_timeout / 2, pin!(self.ask_with_time(key))).await;
                match again {
                    Some(Ok(found)) => return Ok(found),
                    Some(Err(failure)) => failure,
                    None => Failure::Failed(lost),
                }
            }
            failure => failure,
        };
        match failure {
            // No entry of ours: the next rebuild writes over it.
            Failure::WrongType => Ok(None),
            failure => Err(server.report(failure)),
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

    async fn acquired(
        &self,
        key: &Key,
        reply: Reply,
        now: Option<Timestamp>,
    ) -> Result<Acquired, StoreError> {
        Ok(match reply {
            Reply::Lease => Acquired::Lease,
            Reply::Held(remaining) => Acquired::Held { remaining },
            Reply::Newer(entry) => {
                let now = match now {
                    Some(now) => now,
                    None => self.server.now().await?,
                };
                let newer = self.snapshot(key, Some(entry), now);
                let none = || StoreError::new("the store gave an entry that is none");
                Acquired::Newer(newer.ok_or_else(none)?)
            }
        })
    }

    /// The entry, if it is another than the caller saw.
    async fn changed(&self, key: &Key, seen: Option<Revision>) -> Option<Snapshot> {
        let found = in_time(self.server.op_timeout / 2, pin!(self.get(key))).await?.ok()??;
        (Some(found.revision) != seen).then_some(found)
    }

    async fn hold(
        &self,
        key: &Key,
        token: &Token,
        lease: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let server = &self.server;
        let script = async |link: Arc<Link>| {
            let mut shared = link.shared.clone();
            let reply = scripts::lease(&mut shared, key, token, lease);
            server.ask(reply).await
        };
        let transaction = async |link: Arc<Link>| {
            server.ask(optimistic::lease(&server.links, &link, key, token, lease)).await
        };
        server.by_script_or(script, transaction).await
    }
}

impl Store for RedisStore {
    fn check(&self) -> StoreResult<'_, ()> {
        StoreFuture::new(async {
            let server = &self.server;
            let mut shared = server.links.here()?.shared.clone();
            let sent = Instant::now();
            let time = redis::cmd("TIME");
            let time = time.query_async(&mut shared);
            let time = server.within(sent, CHECK_TIMEOUT, pin!(time)).await;
            server.clock.learn(sent, timestamp(time.map_err(|failure| server.report(failure))?));
            // This may be polled elsewhere by now.
            let mut shared = server.links.here()?.shared.clone();
            let load = scripts::load(&mut shared);
            match server.within(Instant::now(), CHECK_TIMEOUT, pin!(load)).await {
                Ok(()) => Ok(()),
                Err(Failure::NoScripting) => {
                    server.without_scripts();
                    Ok(())
                }
                Err(failure) => Err(server.report(failure)),
            }
        })
    }

    fn patience(&self) -> Duration {
        self.server.op_timeout
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::new(self.get(key))
    }

    fn acquire<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
        seen: Option<Revision>,
    ) -> StoreResult<'a, Acquired> {
        StoreFuture::new(async move {
            let server = &self.server;
            let script = async |link: Arc<Link>| {
                let with_time = !server.clock.is_known(Instant::now());
                let mut shared = link.shared.clone();
                let reply =
                    scripts::acquire(&mut shared, key, token, lease, seen, with_time, self.codec);
                server.ask_timed(reply).await
            };
            let transaction = async |link: Arc<Link>| {
                let links = &server.links;
                let reply = optimistic::acquire(links, &link, key, token, lease, seen, self.codec);
                server.ask_timed(reply).await
            };
            let (reply, now) = server.by_script_or(script, transaction).await?;
            self.acquired(key, reply, now).await
        })
    }

    fn acquire_watching<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
        seen: Option<Revision>,
        watch: &'a Watch,
    ) -> StoreResult<'a, Acquired> {
        StoreFuture::new(async move {
            let server = &self.server;
            if server.is_left_alone() {
                return self.acquire(key, token, lease, seen).await;
            }
            // Who has been waiting is mostly woken by a value, and a read is the least that finds it.
            if watch.is_armed()
                && let Some(entry) = self.changed(key, seen).await
            {
                return Ok(Acquired::Newer(entry));
            }
            let link = server.links.here()?;
            let mut over = None;
            let watched = async {
                let Some(watching) = server.watching(&link).await else { return Ok(None) };
                let mut connection = over.insert(watching).connection();
                // Before it looks: what happens after that is not missed.
                server.watches.add(key, watch);
                scripts::acquire_watching(&mut connection, key, token, lease, seen, self.codec)
                    .await
                    .map(Some)
            };
            // It has a connection of its own, so it says nothing about the server, and may take only a
            // part of the time: what is left is for the shared one.
            let reply = in_time(server.op_timeout / 2, pin!(watched)).await;
            // It is not there, or not yet: then as those who look again and again.
            let Some(watching) = over else { return self.acquire(key, token, lease, seen).await };
            let error = match reply {
                Some(Ok(Some(reply))) => return self.acquired(key, reply, None).await,
                Some(Err(error)) => server.report(Failure::classify(server.address(), error)),
                Some(Ok(None)) | None => {
                    StoreError::unsaid("the connection of those who wait does not answer")
                }
            };
            link.watching.leave(watching.number());
            Err(error)
        })
    }

    fn watches(&self) -> bool {
        self.server.pushes()
    }

    fn is_watching(&self) -> bool {
        let server = &self.server;
        server.pushes() && server.links.here().is_ok_and(|link| link.watching.is_taken())
    }

    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
    ) -> StoreResult<'a, bool> {
        StoreFuture::new(self.hold(key, token, Some(lease)))
    }

    fn fill<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        value: &'a NewValue,
    ) -> StoreResult<'a, bool> {
        StoreFuture::new(async move {
            let server = &self.server;
            let revision = Revision(token.number());
            let entry = record::encode(key, self.codec, revision, value, server.now().await?);
            let entry = entry.as_slice();
            let life = value.ttl.saturating_add(value.stale).min(LONGEST);
            let script = async |link: Arc<Link>| {
                let mut shared = link.shared.clone();
                let reply = scripts::fill(&mut shared, key, token, entry, life);
                server.ask(reply).await
            };
            let transaction = async |link: Arc<Link>| {
                let links = &server.links;
                server.ask(optimistic::fill(links, &link, key, token, entry, life)).await
            };
            server.by_script_or(script, transaction).await
        })
    }

    fn postpone<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        pause: Duration,
    ) -> StoreResult<'a, bool> {
        StoreFuture::new(async move {
            let server = &self.server;
            let retry_at = server.now().await?.after(pause);
            let script = async |link: Arc<Link>| {
                let mut shared = link.shared.clone();
                let reply = scripts::postpone(&mut shared, key, token, retry_at, self.codec);
                server.ask(reply).await
            };
            let transaction = async |link: Arc<Link>| {
                let links = &server.links;
                server
                    .ask(optimistic::postpone(links, &link, key, token, retry_at, self.codec))
                    .await
            };
            server.by_script_or(script, transaction).await
        })
    }

    fn release<'a>(&'a self, key: &'a Key, token: &'a Token) -> StoreResult<'a, bool> {
        StoreFuture::new(self.hold(key, token, None))
    }

    fn seize<'a>(&'a self, key: &'a Key, token: &'a Token, lease: Duration) -> StoreResult<'a, ()> {
        StoreFuture::new(async move {
            let server = &self.server;
            let mut shared = server.links.here()?.shared.clone();
            let mut set = redis::cmd("SET");
            set.arg(key.lease_name()).arg(token.to_string()).arg("PX").arg(millis(lease));
            let set = server.ask(set.exec_async(&mut shared)).await;
            set.map_err(|failure| server.report(failure))
        })
    }

    fn invalidate<'a>(&'a self, key: &'a Key) -> StoreResult<'a, ()> {
        StoreFuture::new(async move {
            let server = &self.server;
            let mut shared = server.links.here()?.shared.clone();
            let mut del = redis::cmd("DEL");
            del.arg(key.lease_name()).arg(key.as_str());
            // A count, and no other reply: on a connection whose replies have slipped, that would be
            // another's, and the entry still there.
            let deleted = server.ask(del.query_async::<u64>(&mut shared)).await;
            deleted.map(drop).map_err(|failure| server.report(failure))
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("server", &self.server.address().to_string())
            .finish_non_exhaustive()
    }
}
