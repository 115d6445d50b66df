//! One Redis server: asked within a time limit, and left alone while it does not answer.
//!
//! Every operation has a time limit here, because the client waits for ever on a connection whose other
//! end is gone. What comes back is judged here too: a failure may have the link replaced, or show that the
//! server takes no scripts or no writes, and it counts for the breaker of its lane. While that is open, nothing
//! is sent over the lane but probes.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::batch::Gathering;
use super::breaker::How;
use super::clock::Timed;
use super::dialed::Dialed;
use super::dialer::Dialer;
use super::failure::{Answer, Counted, Failure, FailureKind, Fate, Unanswered};
use super::feature::Feature;
use super::lane::{Arrived, LaneKind};
use super::large::LargeKeys;
use super::link::{Link, Links};
use crate::chance;
use crate::error::StoreError;
use crate::key::Key;
use crate::observe::Observers;
use crate::store::Timestamp;
use crate::sync::lock;
use crate::time::in_time_from;

/// How many round trips have to find time within `op_timeout`.
pub(super) const TRIPS: u32 = 5;

/// How long an attempt to connect may take at least; more where an operation may take long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The settings that all servers of a store share.
pub(super) struct Common {
    /// The beginning of every name of the cache.
    pub(super) prefix: String,
    pub(super) op_timeout: Duration,
    pub(super) observers: Arc<Observers>,
}

impl Common {
    /// How long an attempt to connect may take.
    pub(super) fn limit(&self) -> Duration {
        self.op_timeout.saturating_mul(4).max(CONNECT_TIMEOUT)
    }
}

/// A server, or a node of a cluster.
pub(super) struct Server {
    pub(super) links: Arc<Links>,
    pub(super) large: LargeKeys,
    /// A key of the cache's namespace that holds nothing.
    probed_key: Mutex<String>,
    /// Pushes, by which waiters are woken.
    pub(super) pushes: Feature,
    /// Scripts, by which a step takes one round trip.
    pub(super) scripts: Feature,
    /// Whether `build()` tries to write: then it tells of a refusal itself, with the rule that is missing.
    pub(super) checking: AtomicBool,
    /// Whether the server holds keys: a node of a cluster may have handed all its slots to others.
    pub(super) has_slots: AtomicBool,
    /// Whether the last write was taken.
    pub(super) writes: AtomicBool,
    /// Whether no round trip has been quick enough since the check of the server.
    pub(super) far: AtomicBool,
    pub(super) op_timeout: Duration,
    /// How long an operation takes that is told of. A load has three operations within `op_timeout`.
    slow_micros: u64,
    pub(super) observers: Arc<Observers>,
}

impl Server {
    /// A server that `dialer` connects to.
    pub(super) fn new(dialer: impl Into<Dialer>, common: &Common, gathering: Gathering) -> Self {
        let op_timeout = common.op_timeout;
        Self {
            links: Arc::new(Links::new(dialer.into(), gathering)),
            large: LargeKeys::new(),
            probed_key: Mutex::new(format!("{}cachefence:probe", common.prefix)),
            pushes: Feature::new(),
            scripts: Feature::new(),
            checking: AtomicBool::new(false),
            has_slots: AtomicBool::new(true),
            writes: AtomicBool::new(true),
            far: AtomicBool::new(false),
            op_timeout,
            slow_micros: u64::try_from(op_timeout.as_micros() / 3).unwrap_or(u64::MAX),
            observers: Arc::clone(&common.observers),
        }
    }

    pub(super) fn probed_key(&self) -> String {
        lock(&self.probed_key).clone()
    }

    pub(super) fn set_probed_key(&self, key: String) {
        *lock(&self.probed_key) = key;
    }

    /// The server as messages name it: its address, as far as it is known.
    pub(super) fn address(&self) -> &(dyn fmt::Display + Send + Sync) {
        self.links.dialer.address()
    }

    /// The name of the server, by which its outages are known.
    pub(super) fn name(&self) -> String {
        self.links.dialer.name()
    }

    /// Waits for `reply`, but no longer than an operation may take.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        link: &Arc<Link>,
        lane: LaneKind,
        reply: impl Future<Output = Answer<T>>,
    ) -> Result<T, Failure> {
        let asked = Instant::now();
        let reply = self.ask_at(link, lane, (asked, self.op_timeout), pin!(reply)).await?;
        self.answered(asked);
        Ok(reply)
    }

    /// Refuses an operation while the breaker of its lane is open, and probes the server if a probe is due.
    fn admit(self: &Arc<Self>, link: &Link, lane: LaneKind) -> Result<(), Failure> {
        if !link.lane(lane).breaker.is_open() {
            return Ok(());
        }
        self.probe_if_due(lane);
        let address = self.address();
        let problem = match lane {
            LaneKind::Reads => format!(
                "Redis at {address} failed several times in a row and is left alone until it answers"
            ),
            LaneKind::Writes => format!(
                "Redis at {address} did not answer several writes in a row, and gets no more until it answers one; \
                 it may be in a failover, or its writes may be paused"
            ),
        };
        Err(Failure::left_alone(problem))
    }

    /// Makes a connection that is none of the lanes'. It has the dialer's time, and counts as a write.
    pub(super) async fn dial(self: &Arc<Self>, link: &Arc<Link>) -> Result<Dialed, Failure> {
        self.admit(link, LaneKind::Writes)?;
        let asked = Instant::now();
        let dialed = self.links.dialer.dial().await;
        dialed.map_err(|failure| self.count(link, LaneKind::Writes, asked, failure))
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

    /// As [`ask`](Self::ask), for an operation that begins at `asked` and may take as long as `limit`. The reply is pinned, because each
    /// function on the way down would have room for it otherwise.
    pub(super) fn ask_at<T>(
        self: &Arc<Self>,
        link: &Arc<Link>,
        lane: LaneKind,
        (asked, limit): (Instant, Duration),
        reply: Pin<&mut impl Future<Output = Answer<T>>>,
    ) -> impl Future<Output = Result<T, Failure>> {
        async move {
            self.admit(link, lane)?;
            match self.with_timeout(link, lane, asked, limit, reply).await {
                Ok(reply) => {
                    link.lane(lane).breaker.succeeded();
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
        (asked, limit): (Instant, Duration),
        reply: Pin<&mut impl Future<Output = Answer<T>>>,
    ) -> Result<T, Failure> {
        let lane = LaneKind::Writes;
        self.admit(link, lane)?;
        let answer = self.with_timeout(link, lane, asked, limit, reply).await;
        answer.map_err(|failure| self.count(link, lane, asked, failure))
    }

    /// Waits for what a connection says that is none of the lanes', and counts it as a write if it fails. That the
    /// connection is lost or silent says nothing of the link.
    pub(super) async fn ask_apart<T>(
        self: &Arc<Self>,
        link: &Arc<Link>,
        asked: Instant,
        reply: Pin<&mut impl Future<Output = Answer<T>>>,
    ) -> Result<T, Failure> {
        let lane = LaneKind::Writes;
        self.admit(link, lane)?;
        let failure = match in_time_from(asked, self.op_timeout, reply).await {
            Some(Ok(reply)) => return Ok(reply),
            Some(Err(unanswered)) => Failure::of(self.address(), unanswered),
            None => Failure::timeout(self.address(), self.op_timeout),
        };
        let failure = match failure.kind.meaning().link {
            Fate::AtOnce => failure,
            _ => self.take_in(link, lane, failure),
        };
        Err(self.count(link, lane, asked, failure))
    }

    /// Counts the `failure` of an operation that was asked at `asked`. A failure that is returned as
    /// [`FailureKind::Lost`] came at once, so there is time to ask again.
    fn count(&self, link: &Link, lane: LaneKind, asked: Instant, mut failure: Failure) -> Failure {
        let breaker = &link.lane(lane).breaker;
        let was_slow = asked.elapsed() >= self.op_timeout / 2;
        if failure.kind == FailureKind::Forbidden && lane == LaneKind::Writes {
            // The server has answered, and goes on to answer what is not forbidden. The status tells.
            breaker.succeeded();
            return failure;
        }
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
                LaneKind::Reads if !self.has_slots.load(Ordering::Relaxed) => {}
                LaneKind::Reads => {
                    self.observers.store_down(self.name(), outage, &failure.error);
                }
                // An outage is told by its reads.
                LaneKind::Writes if link.reads.breaker.is_open() => {}
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
        let (reply, time) =
            self.ask_at(link, LaneKind::Writes, (sent, self.op_timeout), pin!(reply)).await?;
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
            let before = link.lane(lane).arrived();
            let mut answer = None;
            if lane == LaneKind::Reads {
                // A read behind a large value ends here, with time left to ask once more over a new connection.
                answer = in_time_from(begun, limit / 2, reply.as_mut()).await;
                if answer.is_none() && link.lane(lane).is_busy_since(before) {
                    return Err(self.take_in(link, lane, Failure::congested(self.address())));
                }
            }
            if answer.is_none() {
                answer = in_time_from(begun, limit, reply).await;
            }
            match answer {
                Some(Ok(reply)) => Ok(reply),
                // A connection that cannot be made says nothing of those that exist.
                Some(Err(Unanswered::NotSent(failure))) => Err(failure),
                Some(Err(Unanswered::Failed(error))) => {
                    Err(self.take_in(link, lane, Failure::classify(self.address(), error)))
                }
                None => Err(self.timed_out(link, lane, before, limit)),
            }
        }
    }

    /// Takes in what a `failure` says of the link and the server.
    fn take_in(&self, link: &Arc<Link>, lane: LaneKind, failure: Failure) -> Failure {
        match failure.kind.meaning().link {
            Fate::Kept => {}
            Fate::AtOnce => self.links.replace(link),
            Fate::OnceASecond => self.links.replace_once_a_second(link),
            Fate::WhenConnected => self.links.replace_when_connected(link),
        }
        let is_forbidden = failure.kind == FailureKind::Forbidden
            && lane == LaneKind::Writes
            && !self.checking.load(Ordering::Relaxed);
        if is_forbidden || matches!(failure.kind, FailureKind::Full | FailureKind::Replica) {
            self.without_writes(&failure.error.to_string());
        }
        failure
    }

    /// The failure of an operation that was not answered within `limit`. So much had arrived `before` it was asked.
    fn timed_out(
        &self,
        link: &Arc<Link>,
        lane: LaneKind,
        before: Arrived,
        limit: Duration,
    ) -> Failure {
        if link.lane(lane).is_busy_since(before) {
            let failure = Failure::congested(self.address());
            // A large value on the lane of writes holds up no hit.
            return if lane == LaneKind::Reads {
                self.take_in(link, lane, failure)
            } else {
                failure
            };
        }
        if link.lane(lane).note_timeout() {
            self.links.replace(link);
        }
        Failure::timeout(self.address(), limit)
    }

    /// Notes that a reply over `link` held the entry of another key than `key`: either somebody has copied the entry,
    /// or the replies have slipped, and those that come next belong to other commands as well.
    pub(super) fn strayed(&self, link: &Arc<Link>, key: &Key) {
        self.links.replace_once_a_second(link);
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
        let time = self.ask_at(&link, LaneKind::Reads, (sent, self.op_timeout), time).await?;
        Ok(self.learn(&link, sent, time))
    }
}
