//! One Redis server: asked within a time limit, and left alone while it does not answer.
//!
//! Every operation has a time limit here, because the client waits for ever on a connection whose other
//! end is gone. What comes back is judged here too: a failure may have the link replaced, or show that the
//! server takes no scripts or no writes, and it counts for the breaker of its lane. While that is open, nothing
//! is sent over the lane but probes.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{ConnectionAddr, ErrorKind, RedisResult, ServerErrorKind, Value};
use tokio::time::Instant;

use super::breaker::{How, Probe};
use super::dial::{Dialed, Dialer};
use super::failure::{Answer, Counted, Failure, FailureKind, Fate};
use super::feature::Feature;
use super::lane::LaneKind;
use super::large::LargeKeys;
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

/// How many round trips have to find time within `op_timeout`.
const TRIPS: u32 = 5;

pub(super) struct Server {
    pub(super) links: Arc<Links>,
    pub(super) large: LargeKeys,
    /// A key of the cache's namespace that holds nothing.
    probed_key: String,
    /// Pushes, by which waiters are woken.
    pub(super) pushes: Feature,
    /// Scripts, by which a step takes one round trip.
    scripts: Feature,
    /// Whether the last write was taken.
    writes: AtomicBool,
    /// Whether no round trip has been quick enough since the check of the server.
    far: AtomicBool,
    pub(super) op_timeout: Duration,
    /// How long an operation takes that is told of. A load has three operations within `op_timeout`.
    slow_micros: u64,
    observers: Arc<Observers>,
}

impl Server {
    /// A server whose cache has keys that begin with `prefix`.
    pub(super) fn new(
        dialer: Dialer,
        prefix: &str,
        op_timeout: Duration,
        observers: Arc<Observers>,
    ) -> Self {
        Self {
            links: Arc::new(Links::new(dialer)),
            large: LargeKeys::new(),
            probed_key: format!("{prefix}cachefence:probe"),
            pushes: Feature::new(),
            scripts: Feature::new(),
            writes: AtomicBool::new(true),
            far: AtomicBool::new(false),
            op_timeout,
            slow_micros: u64::try_from(op_timeout.as_micros() / 3).unwrap_or(u64::MAX),
            observers,
        }
    }

    pub(super) fn address(&self) -> &ConnectionAddr {
        self.links.dialer.address()
    }

    /// Waits for `reply`, but no longer than an operation may take.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        link: &Arc<Link>,
        lane: LaneKind,
        reply: impl Future<Output = Answer<T>>,
    ) -> Result<T, Failure> {
        let asked = Instant::now();
        let reply = self.ask_at(link, lane, asked, pin!(reply)).await?;
        self.answered(asked);
        Ok(reply)
    }

    /// Makes a connection that is none of the lanes'. It has the dialer's time, and counts as a write.
    pub(super) async fn dial(self: &Arc<Self>, link: &Arc<Link>) -> Result<Dialed, Failure> {
        if link.writes.breaker.is_open() {
            self.probe_if_due(LaneKind::Writes);
            return Err(Failure::left_alone(self.address(), LaneKind::Writes));
        }
        let asked = Instant::now();
        let dialed = self.links.dialer.dial().await;
        dialed
            .map_err(|failure| self.count(link, LaneKind::Writes, asked, self.fails(link, failure)))
    }

    /// Tells of an operation that has just been answered, if that took long.
    pub(super) fn answered(&self, asked: Instant) {
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
        link: &Arc<Link>,
        lane: LaneKind,
        asked: Instant,
        reply: Pin<&mut impl Future<Output = Answer<T>>>,
    ) -> impl Future<Output = Result<T, Failure>> {
        async move {
            let breaker = &link.lane(lane).breaker;
            if breaker.is_open() {
                self.probe_if_due(lane);
                return Err(Failure::left_alone(self.address(), lane));
            }
            match self.with_timeout(link, lane, asked, self.op_timeout, reply).await {
                Ok(reply) => {
                    breaker.succeeded();
                    Ok(reply)
                }
                Err(failure) => Err(self.count(link, lane, asked, failure)),
            }
        }
    }

    /// As [`ask_at`](Self::ask_at), for what may only read over the lane of writes: an answer does not show that writes
    /// are taken, so it does not keep the breaker closed.
    pub(super) async fn ask_beside_writes<T>(
        self: &Arc<Self>,
        link: &Arc<Link>,
        asked: Instant,
        reply: Pin<&mut impl Future<Output = Answer<T>>>,
    ) -> Result<T, Failure> {
        let lane = LaneKind::Writes;
        if link.writes.breaker.is_open() {
            self.probe_if_due(lane);
            return Err(Failure::left_alone(self.address(), lane));
        }
        let answer = self.with_timeout(link, lane, asked, self.op_timeout, reply).await;
        answer.map_err(|failure| self.count(link, lane, asked, failure))
    }

    /// Counts the `failure` of an operation that was asked at `asked`. A failure that is returned as
    /// [`FailureKind::Lost`] came at once, so there is time to ask again.
    fn count(&self, link: &Link, lane: LaneKind, asked: Instant, mut failure: Failure) -> Failure {
        let breaker = &link.lane(lane).breaker;
        let was_slow = asked.elapsed() >= self.op_timeout / 2;
        let lost = match failure.kind.meaning().breaker {
            Counted::Answer => {
                breaker.succeeded();
                return failure;
            }
            Counted::Nothing => return failure,
            Counted::Loss => true,
            Counted::Failure => false,
        };
        let how = How { lost, at_once: !was_slow };
        if let Some(outage) = breaker.failed(asked, how, chance::fraction(rand::random())) {
            match lane {
                LaneKind::Reads => self.observers.store_down(outage, &failure.error),
                LaneKind::Writes => {
                    let problem = "values are served and not stored until it takes writes again";
                    self.observers.store_degraded(&format!("{}: {problem}", failure.error));
                }
            }
        }
        if was_slow && failure.kind == FailureKind::Lost {
            failure.kind = FailureKind::Failed;
        }
        failure
    }

    /// Like [`ask`](Self::ask), for a reply that may bring the server's time.
    pub(super) async fn ask_timed<T>(
        self: &Arc<Self>,
        link: &Arc<Link>,
        reply: impl Future<Output = Answer<Timed<T>>>,
    ) -> Result<(T, Option<Timestamp>), Failure> {
        let sent = Instant::now();
        let (reply, time) = self.ask_at(link, LaneKind::Writes, sent, pin!(reply)).await?;
        self.answered(sent);
        Ok((reply, time.map(|time| self.learn(link, sent, time))))
    }

    /// Waits for `reply`, but no longer than `limit` from `begun` on.
    pub(super) fn with_timeout<T>(
        &self,
        link: &Arc<Link>,
        lane: LaneKind,
        begun: Instant,
        limit: Duration,
        mut reply: Pin<&mut impl Future<Output = Answer<T>>>,
    ) -> impl Future<Output = Result<T, Failure>> {
        async move {
            let received = link.lane(lane).received();
            let mut answer = None;
            if lane == LaneKind::Reads {
                // A read that waits for a large value to arrive is told so in time to be sent over the other lane.
                answer = in_time_from(begun, limit / 2, reply.as_mut()).await;
                if answer.is_none() && link.lane(lane).is_busy_since(received) {
                    return Err(self.fails(link, Failure::congested(self.address())));
                }
            }
            if answer.is_none() {
                answer = in_time_from(begun, limit, reply).await;
            }
            match answer {
                Some(Ok(reply)) => Ok(reply),
                Some(Err(unanswered)) => {
                    Err(self.fails(link, Failure::of(self.address(), unanswered)))
                }
                None => Err(self.is_late(link, lane, received, limit)),
            }
        }
    }

    /// Takes in what a `failure` says of the link and the server.
    fn fails(&self, link: &Arc<Link>, failure: Failure) -> Failure {
        match failure.kind.meaning().link {
            Fate::Kept => {}
            Fate::Replaced => self.links.replace(link),
            Fate::InDoubt => self.links.replace_when_connected(link),
            Fate::Busy => self.links.replace_in_doubt(link),
        }
        if matches!(failure.kind, FailureKind::Full | FailureKind::Replica) {
            self.without_writes(&failure.error.to_string());
        }
        failure
    }

    /// The failure of an operation that was not answered within `limit`. When it was asked, so many bytes had been
    /// `received`.
    fn is_late(&self, link: &Arc<Link>, lane: LaneKind, received: u64, limit: Duration) -> Failure {
        if link.lane(lane).is_busy_since(received) {
            return self.fails(link, Failure::congested(self.address()));
        }
        if link.lane(lane).is_silent_again() {
            self.links.replace(link);
        }
        Failure::timeout(self.address(), limit)
    }

    /// Takes a step of the protocol by a script, unless scripts are refused here: then by a transaction.
    pub(super) async fn step<T, S>(
        &self,
        step: impl Fn(&'static dyn Protocol, Arc<Link>) -> S,
    ) -> Result<T, StoreError>
    where
        S: Future<Output = Result<T, Failure>>,
    {
        if self.scripts.claim() {
            match step(&Scripts, self.links.here()?).await {
                Err(failure) if failure.kind == FailureKind::NoScripting => self.without_scripts(),
                result => {
                    if result.is_ok() && self.scripts.works() {
                        self.restored("runs scripts again");
                    }
                    return Ok(result?);
                }
            }
        }
        Ok(step(&Transactions, self.links.here()?).await?)
    }

    /// Notes that a write was taken.
    pub(super) fn wrote(&self) {
        // The flag is looked at first, so that most writes write nothing that other cores read.
        if !self.writes.load(Ordering::Relaxed) && !self.writes.swap(true, Ordering::Relaxed) {
            self.restored("takes writes again");
        }
    }

    /// Notes that a write was not taken, for this `reason`.
    pub(super) fn without_writes(&self, reason: &str) {
        if self.writes.swap(false, Ordering::Relaxed) {
            self.observers.store_degraded(&format!("{reason}: values are served and not stored"));
        }
    }

    pub(super) fn status(&self) -> Status {
        let reads = self.links.open_breakers(LaneKind::Reads);
        let writes_open = self.links.open_breakers(LaneKind::Writes);
        let writes = self.writes.load(Ordering::Relaxed) && !writes_open.any;
        let scripts = !self.scripts.is_refused();
        let pushes = scripts && !self.pushes.is_refused();
        let near = !self.far.load(Ordering::Relaxed);
        let health = if reads.all {
            Health::Down
        } else if reads.any || !(scripts && pushes && writes && near) {
            Health::Degraded
        } else {
            Health::Up
        };
        Status { health, scripts, pushes, writes, near }
    }

    /// Whether a caller that waits may ask to be woken. This takes scripts too, because the server tells of changes
    /// only of what a script has read.
    pub(super) fn may_push(&self) -> bool {
        !self.scripts.is_refused() && self.pushes.is_open()
    }

    pub(super) fn without_pushes(&self) {
        if self.pushes.refuse() {
            self.degraded(
                "does not tell what has changed (CLIENT TRACKING, CLIENT CACHING), so callers that wait ask again",
            );
        }
    }

    /// Notes that a caller that waits is told of changes.
    pub(super) fn pushed(&self) {
        if self.pushes.works() {
            self.restored("tells again what has changed");
        }
    }

    pub(super) fn without_scripts(&self) {
        if self.scripts.refuse() {
            self.degraded(
                "does not run scripts (EVALSHA), so each step of a load takes more round trips",
            );
        }
    }

    /// The longest round trip that leaves time for the operations of a call. A load has three, some of which take
    /// two round trips.
    pub(super) fn longest_trip(&self) -> Duration {
        self.op_timeout / TRIPS
    }

    /// Notes that even the quickest of several round trips took too long: `trip`.
    pub(super) fn is_far(&self, trip: Duration) {
        /// What the advice is rounded up to, in milliseconds.
        const STEP: u128 = 10;
        self.far.store(true, Ordering::Relaxed);
        let (op_timeout, enough) = (self.op_timeout, trip.saturating_mul(TRIPS).as_millis());
        let enough = enough.div_ceil(STEP) * STEP;
        self.degraded(&format!(
            "took {trip:.1?} for a round trip, and a call waits for {op_timeout:?} (`op_timeout`) at most for all of \
             its own; a load takes several, so values may come too late to be served or stored: set `op_timeout` to \
             {enough} ms or more"
        ));
    }

    /// Takes in the time of the server of `link`, which was asked for at `sent` and is answered just now.
    pub(super) fn learn(&self, link: &Link, sent: Instant, time: (u64, u64)) -> Timestamp {
        if self.far.load(Ordering::Relaxed)
            && sent.elapsed() <= self.longest_trip()
            && self.far.swap(false, Ordering::Relaxed)
        {
            self.restored("answers soon enough for `op_timeout`");
        }
        link.clock.learn(sent, time)
    }

    /// Tells that the server does not do all that it is asked, or will not.
    pub(super) fn degraded(&self, problem: &str) {
        self.observers.store_degraded(&format!("Redis at {} {problem}", self.address()));
    }

    fn restored(&self, what: &str) {
        self.observers.store_restored(&format!("Redis at {} {what}", self.address()));
    }

    /// Notes that a reply over `link` held the entry of another key than `key`: either somebody has copied the entry,
    /// or the replies have slipped, and those that come next belong to other commands as well.
    pub(super) fn strayed(&self, link: &Arc<Link>, key: &Key) {
        self.links.replace_in_doubt(link);
        self.observers.stray_reply(key);
    }

    /// The server's time, asked for if it is not known.
    pub(super) async fn now(self: &Arc<Self>) -> Result<Timestamp, StoreError> {
        let link = self.links.here()?;
        if let Some(now) = link.clock.now() {
            return Ok(now);
        }
        let sent = Instant::now();
        let time = pin!(async {
            let mut connection = link.reads.connection().await?;
            Answer::Ok(redis::cmd("TIME").query_async(&mut *connection).await?)
        });
        let time = self.ask_at(&link, LaneKind::Reads, sent, time).await?;
        Ok(self.learn(&link, sent, time))
    }

    /// Starts a task that probes the server, if a probe is due.
    fn probe_if_due(self: &Arc<Self>, lane: LaneKind) {
        // Whoever is starved of CPU is granted its time once more.
        if !self.links.probes(lane).are_due(self.longest_probe().saturating_mul(2)) {
            return;
        }
        let mut probing = Probing { server: Arc::clone(self), lane, outcome: Probe::Abandoned };
        detach(async move {
            probing.outcome = probing.server.probe(lane).await;
            drop(probing);
        });
    }

    /// How long a probe may take: longer than an operation, because nobody waits for it, and it has to make a
    /// connection first.
    fn longest_probe(&self) -> Duration {
        self.links.dialer.limit().saturating_add(self.op_timeout)
    }

    /// Probes the server on a connection of its own. A connection that exists may look well for minutes
    /// although its other end is gone.
    async fn probe(&self, lane: LaneKind) -> Probe {
        let begun = Instant::now();
        let reply = pin!(async {
            let mut connection = self.links.dialer.dial().await?;
            Answer::Ok(self.is_well(lane, &mut connection).await?)
        });
        let failure = match in_time_from(begun, self.longest_probe(), reply).await {
            Some(Ok(())) => return Probe::Answered,
            Some(Err(unanswered)) => Failure::of(self.address(), unanswered),
            None => Failure::timeout(self.address(), self.longest_probe()),
        };
        if lane == LaneKind::Reads {
            self.observers.store_still_down(&failure.error);
        }
        Probe::Failed { at_once: begun.elapsed() < self.op_timeout / 2 }
    }

    /// Sends what shows whether the server takes the commands of a lane. An error is returned only if it takes
    /// none: a server that is loading its data says so, and so does a replica that has lost its primary.
    async fn is_well(&self, lane: LaneKind, connection: &mut Dialed) -> RedisResult<()> {
        use ServerErrorKind::{NoPerm, ReadOnly, ResponseError};
        let command = match lane {
            LaneKind::Reads => redis::cmd("PING"),
            // A server whose writes are paused answers a PING.
            LaneKind::Writes => redis::cmd("DEL").arg(&self.probed_key).to_owned(),
        };
        let Err(error) = command.query_async::<Value>(&mut **connection).await else {
            return Ok(());
        };
        match error.kind() {
            // The server takes commands, but not this one from this user, or not under this name; or it is a
            // replica, whose reads go on.
            ErrorKind::Server(NoPerm | ReadOnly | ResponseError) => Ok(()),
            _ => Err(error),
        }
    }
}

/// Tells the breakers how a probe ended, also if its task is dropped.
struct Probing {
    server: Arc<Server>,
    lane: LaneKind,
    outcome: Probe,
}

impl Drop for Probing {
    fn drop(&mut self) {
        let Self { server, lane, outcome } = self;
        if matches!(outcome, Probe::Answered) {
            server.links.heal(*lane);
        }
        let ended = server.links.probes(*lane).probed(*outcome, chance::fraction(rand::random()));
        if let (Some(outage), LaneKind::Reads) = (ended, lane) {
            server.observers.store_up(outage, &server.address().to_string());
        }
    }
}
