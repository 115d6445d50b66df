//! The store on a Redis server.

mod clock;
mod failure;
mod link;
mod optimistic;
mod record;
mod scripts;

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{Client, ConnectionAddr, RedisResult};
use tokio::time::{Instant, timeout};

use self::clock::ServerClock;
use self::failure::Failure;
use self::link::{Link, Links};
use self::record::Record;
use self::scripts::{Reply, Timed, millis};
use super::{
    Acquired, NewValue, Snapshot, Store, StoreFuture, StoreResult, Timestamp, Token, Version,
};
use crate::error::{InvalidOption, StoreError};
use crate::key::Key;

/// How long one operation may take, waiting for a connection included.
const OP_TIMEOUT: Duration = Duration::from_millis(250);

/// How long the first contact may take, when a cache is built.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Entries and locks on one Redis server.
pub(crate) struct RedisStore {
    links: Links,
    clock: ServerClock,
    /// Turned off for good by the first refusal.
    scripting: AtomicBool,
}

impl RedisStore {
    /// A store at `url`; does no I/O.
    pub(crate) fn open(url: &str) -> Result<Self, InvalidOption> {
        let client = Client::open(url).map_err(|_| {
            // What the client says may quote the URL, and with it the password.
            InvalidOption::url(
                "redis",
                "it must be `redis://[user:password@]host[:port][/db]` or `unix:///path/to/socket`",
            )
        })?;
        Ok(Self {
            links: Links::new(client),
            clock: ServerClock::default(),
            scripting: AtomicBool::new(true),
        })
    }

    fn server(&self) -> &ConnectionAddr {
        self.links.client().get_connection_info().addr()
    }

    /// Waits for `reply`, but no longer than `limit`.
    async fn within<T>(
        &self,
        limit: Duration,
        reply: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Failure> {
        let mut reply = pin!(reply);
        let failure = match in_time(limit, reply.as_mut()).await {
            Some(Ok(reply)) => return Ok(reply),
            Some(Err(error)) => Failure::classify(self.server(), error),
            None => Failure::timeout(self.server(), limit),
        };
        match failure {
            Failure::NotAccepted(_) => self.links.renew(),
            // The server that answers next may be another one.
            Failure::Failed(_) => self.clock.doubt(),
            Failure::WrongType | Failure::NoScripting => {}
        }
        Err(failure)
    }

    async fn ask<T>(&self, reply: impl Future<Output = RedisResult<T>>) -> Result<T, Failure> {
        self.within(OP_TIMEOUT, reply).await
    }

    /// Like [`ask`](Self::ask), for a reply that brings the server's time.
    async fn ask_timed<T>(
        &self,
        reply: impl Future<Output = RedisResult<Timed<T>>>,
    ) -> Result<(T, Timestamp), Failure> {
        let sent = Instant::now();
        let (reply, time) = self.ask(reply).await?;
        Ok((reply, self.clock.learn(sent, timestamp(time))))
    }

    /// Runs the script, unless scripts are refused here: then the transaction.
    async fn by_script_or<T, S, O>(
        &self,
        script: impl FnOnce(Link) -> S,
        transaction: impl FnOnce(Link) -> O,
    ) -> Result<T, StoreError>
    where
        S: Future<Output = Result<T, Failure>>,
        O: Future<Output = Result<T, Failure>>,
    {
        if self.scripting.load(Ordering::Relaxed) {
            match script(self.links.here()?).await {
                Err(Failure::NoScripting) => self.scripting.store(false, Ordering::Relaxed),
                result => return result.map_err(|failure| self.report(failure)),
            }
        }
        transaction(self.links.here()?).await.map_err(|failure| self.report(failure))
    }

    fn report(&self, failure: Failure) -> StoreError {
        failure.into_store_error(self.server())
    }

    /// The server's time, asked for if it is not known.
    async fn now(&self) -> Result<Timestamp, StoreError> {
        if let Some(now) = self.clock.now() {
            return Ok(now);
        }
        let mut link = self.links.here()?;
        let time = async {
            let time = redis::cmd("TIME").query_async(&mut link.shared).await?;
            Ok(((), time))
        };
        let ((), now) = self.ask_timed(time).await.map_err(|failure| self.report(failure))?;
        Ok(now)
    }

    async fn get(&self, key: &Key) -> Result<Option<Snapshot>, StoreError> {
        let mut link = self.links.here()?;
        let mut get = redis::cmd("GET");
        get.arg(key.as_str());
        let stale = self.clock.is_stale();
        let read = if stale {
            // The same round trip brings the time.
            let both = async {
                let mut pipeline = redis::pipe();
                pipeline.ignore_errors().add_command(get).cmd("TIME");
                let (entry, time): (RedisResult<Option<Vec<u8>>>, (u64, u64)) =
                    pipeline.query_async(&mut link.shared).await?;
                Ok((entry, time))
            };
            match self.ask_timed(both).await {
                Ok((Ok(entry), now)) => Ok((entry, Some(now))),
                Ok((Err(error), _)) => Err(Failure::classify(self.server(), error)),
                Err(failure) => Err(failure),
            }
        } else {
            self.ask(get.query_async(&mut link.shared)).await.map(|entry| (entry, self.clock.now()))
        };
        match read {
            Ok((entry, Some(now))) => Ok(snapshot(key, entry, now)),
            // The clock was forgotten while this was under way.
            Ok((entry, None)) => Ok(snapshot(key, entry, self.now().await?)),
            // No entry of ours: the next rebuild writes over it.
            Err(Failure::WrongType) => Ok(None),
            Err(failure) => Err(self.report(failure)),
        }
    }

    async fn hold(
        &self,
        key: &Key,
        token: &Token,
        lease: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.by_script_or(
            async |mut link: Link| {
                self.ask_timed(scripts::lease(&mut link.shared, key, token, lease))
                    .await
                    .map(|(held, _)| held)
            },
            async |link: Link| {
                self.ask(optimistic::lease(&self.links, &link, key, token, lease)).await
            },
        )
        .await
    }
}

/// What `reply` comes to within `limit`.
///
/// A process that is starved of CPU finds its timers due long before it gets to send, or to read what
/// has arrived. It would take its store for dead, and rebuild without it, just when that hurts most.
/// So a timer that comes late, which says that the process stood still, grants the time once more.
async fn in_time<T>(limit: Duration, mut reply: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    /// The part of the limit by which a timer may be late in a process that is well.
    const LATE: u32 = 10;
    let begun = Instant::now();
    if let Ok(reply) = timeout(limit, reply.as_mut()).await {
        return Some(reply);
    }
    if begun.elapsed() < limit + limit / LATE {
        return None;
    }
    timeout(limit, reply).await.ok()
}

/// The entry in `bytes`, if they are one of `key`.
fn snapshot(key: &Key, bytes: Option<Vec<u8>>, now: Timestamp) -> Option<Snapshot> {
    let Record { delta, expiry, version, payload } = Record::decode(key, &bytes?.into())?;
    Some(Snapshot { payload, delta, expiry, version, now })
}

fn timestamp((seconds, micros): (u64, u64)) -> Timestamp {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

impl Store for RedisStore {
    fn check(&self) -> StoreResult<'_, ()> {
        StoreFuture::new(async {
            let mut link = self.links.here()?;
            let sent = Instant::now();
            let time = redis::cmd("TIME");
            let time = self.within(CHECK_TIMEOUT, time.query_async(&mut link.shared)).await;
            self.clock.learn(sent, timestamp(time.map_err(|failure| self.report(failure))?));
            match self.within(CHECK_TIMEOUT, scripts::load(&mut link.shared)).await {
                Ok(()) => Ok(()),
                Err(Failure::NoScripting) => {
                    self.scripting.store(false, Ordering::Relaxed);
                    Ok(())
                }
                Err(failure) => Err(self.report(failure)),
            }
        })
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::new(self.get(key))
    }

    fn acquire<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
        seen: Option<Version>,
    ) -> StoreResult<'a, Acquired> {
        StoreFuture::new(async move {
            let (reply, now) = self
                .by_script_or(
                    async |mut link: Link| {
                        let reply = scripts::acquire(&mut link.shared, key, token, lease, seen);
                        self.ask_timed(reply).await
                    },
                    async |mut link: Link| {
                        let links = &self.links;
                        let reply = optimistic::acquire(links, &mut link, key, token, lease, seen);
                        self.ask_timed(reply).await
                    },
                )
                .await?;
            Ok(match reply {
                Reply::Lease => Acquired::Lease,
                Reply::Held(remaining) => Acquired::Held { remaining },
                Reply::Newer(entry) => match snapshot(key, Some(entry), now) {
                    Some(newer) => Acquired::Newer(newer),
                    None => return Err(StoreError::new("the store gave an entry that is none")),
                },
            })
        })
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
            let entry = record::encode(key, value, self.now().await?);
            let entry = entry.as_slice();
            self.by_script_or(
                async |mut link: Link| {
                    self.ask_timed(scripts::fill(&mut link.shared, key, token, entry, value.ttl))
                        .await
                        .map(|(filled, _)| filled)
                },
                async |link: Link| {
                    let links = &self.links;
                    self.ask(optimistic::fill(links, &link, key, token, entry, value.ttl)).await
                },
            )
            .await
        })
    }

    fn release<'a>(&'a self, key: &'a Key, token: &'a Token) -> StoreResult<'a, bool> {
        StoreFuture::new(self.hold(key, token, None))
    }

    fn seize<'a>(&'a self, key: &'a Key, token: &'a Token, lease: Duration) -> StoreResult<'a, ()> {
        StoreFuture::new(async move {
            let mut link = self.links.here()?;
            let mut set = redis::cmd("SET");
            set.arg(key.lock_name()).arg(token.as_str()).arg("PX").arg(millis(lease));
            self.ask(set.exec_async(&mut link.shared)).await.map_err(|failure| self.report(failure))
        })
    }

    fn invalidate<'a>(&'a self, key: &'a Key) -> StoreResult<'a, ()> {
        StoreFuture::new(async move {
            let mut link = self.links.here()?;
            let mut del = redis::cmd("DEL");
            del.arg(key.lock_name()).arg(key.as_str());
            self.ask(del.exec_async(&mut link.shared)).await.map_err(|failure| self.report(failure))
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("server", &self.server().to_string())
            .finish_non_exhaustive()
    }
}
