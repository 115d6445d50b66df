//! One Redis server: asked within a time limit, and left alone while it does not answer.
//!
//! Every operation has a time limit here, because the client waits for ever on a connection whose other
//! end is gone. What comes back is judged here too: a failure may end the connections, throw doubt on
//! the clock, or show that the server takes no scripts or no writes, and it counts for the breaker.
//! While the breaker is open, nothing is sent but probes.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr, ErrorKind, RedisResult, ServerErrorKind, Value};
use tokio::time::Instant;

use super::breaker::{Breaker, How, Probe};
use super::clock::ServerClock;
use super::connection::CONNECT_TIMEOUT;
use super::failure::{Counted, Failure, FailureKind};
use super::link::{Link, Links};
use super::protocol::{Protocol, Timed};
use super::scripts::Scripts;
use super::transactions::Transactions;
use crate::chance;
use crate::error::StoreError;
use crate::key::Key;
use crate::observe::Observers;
use crate::store::{Health, Status, Timestamp};
use crate::time::{detach, in_time_from};

pub(super) struct Server {
    pub(super) links: Links,
    pub(super) clock: ServerClock,
    /// Whether waiters can be woken; turned off for good if the server cannot push.
    pushes: AtomicBool,
    breaker: Breaker,
    /// Whether the server runs scripts; turned off for good by the first refusal.
    scripting: AtomicBool,
    /// Whether the last write was taken.
    writes: AtomicBool,
    pub(super) op_timeout: Duration,
    /// How long an operation takes that is told of. A load has three operations within `op_timeout`.
    slow_micros: u64,
    observers: Arc<Observers>,
}

impl Server {
    pub(super) fn new(client: Client, op_timeout: Duration, observers: Arc<Observers>) -> Self {
        Self {
            links: Links::new(client),
            clock: ServerClock::new(),
            pushes: AtomicBool::new(true),
            breaker: Breaker::new(),
            scripting: AtomicBool::new(true),
            writes: AtomicBool::new(true),
            op_timeout,
            slow_micros: u64::try_from(op_timeout.as_micros() / 3).unwrap_or(u64::MAX),
            observers,
        }
    }

    pub(super) fn address(&self) -> &ConnectionAddr {
        self.links.client().get_connection_info().addr()
    }

    /// Whether the server is not asked now, because the breaker is open.
    pub(super) fn is_left_alone(&self) -> bool {
        self.breaker.is_open()
    }

    /// Waits for `reply`, but no longer than an operation may take.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        reply: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Failure> {
        let asked = Instant::now();
        let reply = self.ask_at(asked, pin!(reply)).await?;
        self.answered(asked);
        Ok(reply)
    }

    /// Tells of an operation that has just been answered, if that took long.
    fn answered(&self, asked: Instant) {
        self.took(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
    }

    /// Tells of an operation that was answered after `micros`, if that is long.
    pub(super) fn took(&self, micros: u64) {
        if micros > self.slow_micros {
            self.observers.store_slow(Duration::from_micros(micros), self.op_timeout);
        }
    }

    /// As [`ask`](Self::ask), for an operation that begins at `asked`. The reply is pinned, because each
    /// function on the way down would have room for it otherwise.
    pub(super) fn ask_at<T>(
        self: &Arc<Self>,
        asked: Instant,
        reply: Pin<&mut impl Future<Output = RedisResult<T>>>,
    ) -> impl Future<Output = Result<T, Failure>> {
        async move {
            if self.breaker.is_open() {
                self.probe_if_due();
                return Err(Failure::left_alone(self.address()));
            }
            match self.with_timeout(asked, self.op_timeout, reply).await {
                Ok(reply) => {
                    self.breaker.succeeded();
                    Ok(reply)
                }
                Err(failure) => Err(self.count(asked, failure)),
            }
        }
    }

    /// Counts the `failure` of an operation that was asked at `asked`. A failure that is returned as
    /// [`FailureKind::Lost`] came at once, so there is time to ask again.
    fn count(&self, asked: Instant, mut failure: Failure) -> Failure {
        let late = asked.elapsed() >= self.op_timeout / 2;
        let lost = match failure.kind.meaning().breaker {
            Counted::Answer => {
                self.breaker.succeeded();
                return failure;
            }
            Counted::Nothing => return failure,
            Counted::Loss => true,
            Counted::Failure => false,
        };
        let how = How { lost, at_once: !late };
        if let Some(opening) = self.breaker.failed(asked, how, chance::fraction(rand::random())) {
            self.observers.store_down(opening, &failure.error);
        }
        if late && failure.kind == FailureKind::Lost {
            failure.kind = FailureKind::Failed;
        }
        failure
    }

    /// Like [`ask`](Self::ask), for a reply that may bring the server's time.
    pub(super) async fn ask_timed<T>(
        self: &Arc<Self>,
        reply: impl Future<Output = RedisResult<Timed<T>>>,
    ) -> Result<(T, Option<Timestamp>), Failure> {
        let sent = Instant::now();
        let (reply, time) = self.ask_at(sent, pin!(reply)).await?;
        self.answered(sent);
        Ok((reply, time.map(|time| self.clock.learn(sent, time))))
    }

    /// Waits for `reply`, but no longer than `limit` from `begun` on.
    pub(super) fn with_timeout<T>(
        &self,
        begun: Instant,
        limit: Duration,
        reply: Pin<&mut impl Future<Output = RedisResult<T>>>,
    ) -> impl Future<Output = Result<T, Failure>> {
        async move {
            match in_time_from(begun, limit, reply).await {
                Some(Ok(reply)) => Ok(reply),
                Some(Err(error)) => Err(self.fails(Failure::classify(self.address(), error))),
                None => Err(self.fails(Failure::timeout(self.address(), limit))),
            }
        }
    }

    /// Takes in what a `failure` says of the server.
    fn fails(&self, failure: Failure) -> Failure {
        let meaning = failure.kind.meaning();
        if meaning.renews_link {
            self.links.renew();
        }
        if meaning.doubts_clock {
            self.clock.doubt();
        }
        if failure.kind == FailureKind::ReadOnly && self.writes.swap(false, Ordering::Relaxed) {
            let problem = format!("{}: values are served and not stored", failure.error);
            self.observers.store_degraded(&problem);
        }
        failure
    }

    /// Takes a step of the protocol by a script, unless scripts are refused here: then by a transaction.
    pub(super) async fn step<T, S>(
        &self,
        step: impl Fn(&'static dyn Protocol, Arc<Link>) -> S,
    ) -> Result<T, StoreError>
    where
        S: Future<Output = Result<T, Failure>>,
    {
        if self.scripting.load(Ordering::Relaxed) {
            match step(&Scripts, self.links.here()?).await {
                Err(failure) if failure.kind == FailureKind::NoScripting => self.without_scripts(),
                result => return Ok(result?),
            }
        }
        Ok(step(&Transactions, self.links.here()?).await?)
    }

    /// Notes that a write was taken.
    pub(super) fn wrote(&self) {
        if !self.writes.load(Ordering::Relaxed) {
            self.writes.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn status(&self) -> Status {
        let writes = self.writes.load(Ordering::Relaxed);
        let health = match (self.breaker.is_open(), writes) {
            (true, _) => Health::Down,
            (false, false) => Health::Degraded,
            (false, true) => Health::Up,
        };
        let scripts = self.scripting.load(Ordering::Relaxed);
        Status { health, scripts, pushes: self.pushes(), writes }
    }

    /// Whether waiters can be woken. This takes scripts too, because the server tells of changes only of
    /// what a script has read.
    pub(super) fn pushes(&self) -> bool {
        self.pushes.load(Ordering::Relaxed) && self.scripting.load(Ordering::Relaxed)
    }

    pub(super) fn without_pushes(&self) {
        if self.pushes.swap(false, Ordering::Relaxed) {
            self.degraded("it does not tell what has changed (CLIENT TRACKING), so callers that wait ask again");
        }
    }

    pub(super) fn without_scripts(&self) {
        if self.scripting.swap(false, Ordering::Relaxed) {
            self.degraded("it does not run scripts, so each step of a load takes more round trips");
        }
    }

    fn degraded(&self, problem: &str) {
        self.observers.store_degraded(&format!("Redis at {}: {problem}", self.address()));
    }

    /// Notes that a reply held the entry of another key than `key`.
    pub(super) fn strayed(&self, key: &Key) {
        // The replies have slipped, so those that come next on this connection belong to other commands
        // as well.
        self.links.renew();
        self.observers.stray_reply(key);
    }

    /// The server's time, asked for if it is not known.
    pub(super) async fn now(self: &Arc<Self>) -> Result<Timestamp, StoreError> {
        if let Some(now) = self.clock.now() {
            return Ok(now);
        }
        let link = self.links.here()?;
        let sent = Instant::now();
        let time = self.ask_at(sent, pin!(time(&link))).await?;
        Ok(self.clock.learn(sent, time))
    }

    /// Starts a task that probes the server, if a probe is due.
    fn probe_if_due(self: &Arc<Self>) {
        // Whoever is starved of CPU is granted its time once more.
        if !self.breaker.is_due(self.longest_probe().saturating_mul(2)) {
            return;
        }
        let mut probing = Probing { server: Arc::clone(self), outcome: Probe::Abandoned };
        detach(async move {
            probing.outcome = probing.server.probe().await;
            drop(probing);
        });
    }

    /// How long a probe may take: longer than an operation, because nobody waits for it, and it has to make a
    /// connection first.
    fn longest_probe(&self) -> Duration {
        CONNECT_TIMEOUT.saturating_add(self.op_timeout)
    }

    /// Probes the server on a connection of its own. A connection that exists may look well for minutes
    /// although its other end is gone, and one that reconnects by itself does so once more after each
    /// failure.
    async fn probe(&self) -> Probe {
        let begun = Instant::now();
        let reply = async {
            let mut connection = self.links.connect().await?;
            let asked = Instant::now();
            Ok((asked, well(&mut connection).await?))
        };
        match self.with_timeout(begun, self.longest_probe(), pin!(reply)).await {
            Ok((asked, time)) => {
                self.links.renew();
                self.clock.learn(asked, time);
                Probe::Answered
            }
            Err(failure) => {
                self.observers.store_still_down(&failure.error);
                Probe::Failed { at_once: begun.elapsed() < self.op_timeout / 2 }
            }
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
        let Self { server, outcome } = self;
        if let Some(opening) = server.breaker.probed(*outcome, chance::fraction(rand::random())) {
            server.observers.store_up(opening, &server.address().to_string());
        }
    }
}

async fn time(link: &Link) -> RedisResult<(u64, u64)> {
    redis::cmd("TIME").query_async(&mut link.shared.clone()).await
}

/// The server's time, if the server takes commands. The time alone would not show that: a server that is
/// loading its data tells it, and so does a replica that has lost its primary.
async fn well(connection: &mut MultiplexedConnection) -> RedisResult<(u64, u64)> {
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors().cmd("PING").cmd("TIME");
    let (ping, time): (RedisResult<Value>, _) = pipeline.query_async(connection).await?;
    match ping.map_err(|error| (error.kind(), error)) {
        Ok(_) => Ok(time),
        // The server takes commands, but not this one from this user, or not under this name.
        Err((ErrorKind::Server(ServerErrorKind::NoPerm | ServerErrorKind::ResponseError), _)) => {
            Ok(time)
        }
        Err((_, error)) => Err(error),
    }
}
