//! One Redis server: asked within a time limit, and left alone while it does not answer.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    Client, ConnectionAddr, ErrorKind, PushInfo, PushKind, RedisResult, ServerErrorKind, Value,
};
use tokio::time::Instant;

use super::breaker::{Breaker, How, Probe};
use super::clock::ServerClock;
use super::failure::{self, Failure};
use super::link::{CONNECT_TIMEOUT, Link, Links};
use super::scripts::Timed;
use super::watches::Watches;
use super::watching::{Claim, Maker, Watching};
use crate::chance::Chance;
use crate::error::StoreError;
use crate::key::Key;
use crate::report;
use crate::store::Timestamp;
use crate::time::{detach, in_time, in_time_from, spawn};

pub(super) struct Server {
    pub(super) links: Links,
    pub(super) clock: ServerClock,
    pub(super) watches: Arc<Watches>,
    /// Turned off for good by a server that cannot push.
    pushes: AtomicBool,
    breaker: Breaker,
    /// Turned off for good by the first refusal.
    scripting: AtomicBool,
    /// How many replies have held another key's entry.
    strays: AtomicU64,
    pub(super) op_timeout: Duration,
    chance: Chance,
}

impl Server {
    pub(super) fn new(client: Client, op_timeout: Duration) -> Self {
        Self {
            links: Links::new(client),
            clock: ServerClock::new(),
            watches: Arc::default(),
            pushes: AtomicBool::new(true),
            breaker: Breaker::new(),
            scripting: AtomicBool::new(true),
            strays: AtomicU64::new(0),
            op_timeout,
            chance: Chance::default(),
        }
    }

    pub(super) fn address(&self) -> &ConnectionAddr {
        self.links.client().get_connection_info().addr()
    }

    pub(super) fn report(&self, failure: Failure) -> StoreError {
        failure.into_store_error(self.address())
    }

    /// Whether it is not asked now.
    pub(super) fn is_left_alone(&self) -> bool {
        self.breaker.is_open()
    }

    /// Waits for `reply`, but no longer than an operation may take.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        reply: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Failure> {
        self.ask_at(Instant::now(), pin!(reply)).await
    }

    /// As [`ask`](Self::ask), at a moment that is known.
    async fn ask_at<T>(
        self: &Arc<Self>,
        asked: Instant,
        reply: Pin<&mut impl Future<Output = RedisResult<T>>>,
    ) -> Result<T, Failure> {
        self.ask_in_time(asked, pin!(in_time_from(asked, self.op_timeout, reply))).await
    }

    /// Asks for a `reply` that ends when an operation asked at `asked` has taken as long as it may.
    /// Pinned, since each function on the way down would have room for it otherwise.
    pub(super) fn ask_in_time<T>(
        self: &Arc<Self>,
        asked: Instant,
        reply: Pin<&mut impl Future<Output = Option<RedisResult<T>>>>,
    ) -> impl Future<Output = Result<T, Failure>> {
        async move {
            if self.breaker.is_open() {
                self.probe_if_due();
                return Err(Failure::LeftAlone);
            }
            match self.judge(self.op_timeout, reply.await) {
                Ok(reply) => {
                    self.breaker.succeeded();
                    Ok(reply)
                }
                Err(failure) => Err(self.count(asked, failure)),
            }
        }
    }

    /// Counts what was asked at `asked`. What is [`Failure::Lost`] still after that, was lost at once.
    fn count(&self, asked: Instant, failure: Failure) -> Failure {
        let late = asked.elapsed() >= self.op_timeout / 2;
        let (how, error) = match &failure {
            Failure::Lost(error) => (How::Lost { at_once: !late }, error),
            Failure::BadConnection(error) | Failure::Failed(error) if late => (How::InVain, error),
            Failure::BadConnection(error) | Failure::Failed(error) => (How::Refused, error),
            // It answered, whatever it said.
            Failure::WrongType
            | Failure::NoScripting
            | Failure::ReadOnly(_)
            | Failure::LeftAlone => {
                self.breaker.succeeded();
                return failure;
            }
        };
        if self.breaker.failed(asked, how, self.chance.fraction()) {
            report::store_left_alone(error);
        }
        match failure {
            Failure::Lost(error) if late => Failure::Failed(error),
            failure => failure,
        }
    }

    /// Like [`ask`](Self::ask), for a reply that may bring the server's time.
    pub(super) async fn ask_timed<T>(
        self: &Arc<Self>,
        reply: impl Future<Output = RedisResult<Timed<T>>>,
    ) -> Result<(T, Option<Timestamp>), Failure> {
        let sent = Instant::now();
        let (reply, time) = self.ask_at(sent, pin!(reply)).await?;
        Ok((reply, time.map(|time| self.clock.learn(sent, timestamp(time)))))
    }

    /// Waits for `reply`, but no longer than `limit` from `begun` on.
    pub(super) async fn within<T>(
        &self,
        begun: Instant,
        limit: Duration,
        reply: Pin<&mut impl Future<Output = RedisResult<T>>>,
    ) -> Result<T, Failure> {
        self.judge(limit, in_time_from(begun, limit, reply).await)
    }

    /// What a `reply` comes to that was waited for until `limit` was over.
    fn judge<T>(&self, limit: Duration, reply: Option<RedisResult<T>>) -> Result<T, Failure> {
        match reply {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(error)) => Err(self.fails(Failure::classify(self.address(), error))),
            None => Err(self.fails(Failure::timeout(self.address(), limit))),
        }
    }

    /// Takes in what a `failure` says of what is known of the server.
    fn fails(&self, failure: Failure) -> Failure {
        match failure {
            Failure::BadConnection(_) => self.links.renew(),
            // The server that answers next may be another one.
            Failure::Lost(_) | Failure::Failed(_) => self.clock.doubt(),
            Failure::WrongType
            | Failure::NoScripting
            | Failure::ReadOnly(_)
            | Failure::LeftAlone => {}
        }
        failure
    }

    /// Runs the script, unless scripts are refused here: then the transaction.
    pub(super) async fn by_script_or<T, S, O>(
        &self,
        script: impl FnOnce(Arc<Link>) -> S,
        transaction: impl FnOnce(Arc<Link>) -> O,
    ) -> Result<T, StoreError>
    where
        S: Future<Output = Result<T, Failure>>,
        O: Future<Output = Result<T, Failure>>,
    {
        if self.scripting.load(Ordering::Relaxed) {
            match script(self.links.here()?).await {
                Err(Failure::NoScripting) => self.without_scripts(),
                result => return result.map_err(|failure| self.report(failure)),
            }
        }
        transaction(self.links.here()?).await.map_err(|failure| self.report(failure))
    }

    /// Whether waiters can be woken: by a script that reads what they wait for.
    pub(super) fn pushes(&self) -> bool {
        self.pushes.load(Ordering::Relaxed) && self.scripting.load(Ordering::Relaxed)
    }

    /// The connection of those who wait to be woken; `None` if there is none yet, or can be none.
    pub(super) async fn watching(self: &Arc<Self>, link: &Link) -> Option<Arc<Watching>> {
        match link.watching.claim() {
            Claim::Here(watching) => Some(watching),
            Claim::Connecting => None,
            Claim::Yours(maker) => {
                let server = Arc::clone(self);
                // In a task: whoever comes next is not made to begin again by a caller that gives up.
                spawn(async move { server.make_watching(maker).await })?.await.ok().flatten()
            }
        }
    }

    async fn make_watching(&self, maker: Maker) -> Option<Arc<Watching>> {
        let (number, seat) = (maker.number(), Arc::downgrade(maker.seat()));
        let watches = Arc::clone(&self.watches);
        let push = move |info: &PushInfo| {
            watches.push(info);
            if info.kind == PushKind::Disconnection
                && let Some(seat) = seat.upgrade()
            {
                seat.leave(number);
            }
        };
        match in_time(CONNECT_TIMEOUT, pin!(self.links.connect_for_pushes(push))).await? {
            Ok(connection) => Some(maker.made(connection, Arc::clone(&self.watches))),
            Err(error) => {
                // Else it is in trouble, and the next waiter tries again.
                if failure::cannot_push(&error) {
                    self.pushes.store(false, Ordering::Relaxed);
                }
                None
            }
        }
    }

    pub(super) fn without_scripts(&self) {
        self.scripting.store(false, Ordering::Relaxed);
    }

    /// A reply held the entry of another key than `key`.
    pub(super) fn strayed(&self, key: &Key) {
        let count = self.strays.fetch_add(1, Ordering::Relaxed) + 1;
        // What comes next on this connection belongs to others as well.
        self.links.renew();
        report::stray_reply(key, count);
    }

    /// The server's time, asked for if it is not known.
    pub(super) async fn now(self: &Arc<Self>) -> Result<Timestamp, StoreError> {
        if let Some(now) = self.clock.now() {
            return Ok(now);
        }
        let link = self.links.here()?;
        let sent = Instant::now();
        let time =
            self.ask_at(sent, pin!(time(&link))).await.map_err(|failure| self.report(failure))?;
        Ok(self.clock.learn(sent, timestamp(time)))
    }

    /// Asks the server in a task of its own whether it is well, if it is time to.
    fn probe_if_due(self: &Arc<Self>) {
        if !self.breaker.is_due() {
            return;
        }
        let mut probing = Probing { server: Arc::clone(self), outcome: Probe::Abandoned };
        detach(async move {
            probing.outcome = probing.server.probe().await;
            drop(probing);
        });
    }

    /// On a connection of its own: one that exists may look well for minutes although its other end is
    /// gone, and one that reconnects by itself does so once more after each failure.
    async fn probe(&self) -> Probe {
        let begun = Instant::now();
        let reply = async {
            let mut connection = self.links.connect().await?;
            let asked = Instant::now();
            Ok((asked, well(&mut connection).await?))
        };
        // Nobody waits for it, and it makes a connection, which no operation has to.
        match self.within(begun, CONNECT_TIMEOUT + self.op_timeout, pin!(reply)).await {
            Ok((asked, time)) => {
                self.links.renew();
                self.clock.learn(asked, timestamp(time));
                Probe::Answered
            }
            Err(_) => Probe::Failed { at_once: begun.elapsed() < self.op_timeout / 2 },
        }
    }
}

/// Tells the breaker how a probe ended, also if its task is dropped.
struct Probing {
    server: Arc<Server>,
    outcome: Probe,
}

impl Drop for Probing {
    fn drop(&mut self) {
        let Server { breaker, chance, .. } = &*self.server;
        if breaker.probed(self.outcome, chance.fraction()) {
            report::store_is_back(&self.server.address().to_string());
        }
    }
}

async fn time(link: &Link) -> RedisResult<(u64, u64)> {
    redis::cmd("TIME").query_async(&mut link.shared.clone()).await
}

/// The time, from a server that takes commands. One that loads its data tells the time all the same,
/// and so does a replica that has lost its primary.
async fn well(connection: &mut MultiplexedConnection) -> RedisResult<(u64, u64)> {
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors().cmd("PING").cmd("TIME");
    let (ping, time): (RedisResult<Value>, _) = pipeline.query_async(connection).await?;
    match ping.map_err(|error| (error.kind(), error)) {
        Ok(_) => Ok(time),
        // It is only not for this user, or has another name.
        Err((ErrorKind::Server(ServerErrorKind::NoPerm | ServerErrorKind::ResponseError), _)) => {
            Ok(time)
        }
        Err((_, error)) => Err(error),
    }
}

pub(super) fn timestamp((seconds, micros): (u64, u64)) -> Timestamp {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}
