//! A lane: one connection of a link, made when it is first needed, and what is known of its silence.
//!
//! A task makes the connection, so that a caller which gives up does not stop the attempt of the others.
//! A lane never repairs its connection. When that is of no use any more, the whole link is replaced.
//!
//! The client has a connection of this kind of its own, `ConnectionManager`, but that passes each command
//! through a shared future and a boxed one, which would make a hit slower.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use redis::aio::ConnectionLike as _;
use redis::{Cmd, Pipeline, Value};
use tokio::sync::watch;
use tokio::time::Instant;

use super::breaker::Breaker;
use super::dialed::Dialed;
use super::dialer::Dialer;
use super::failure::{Answer, Failure};
use super::large::LARGE;
use crate::sync::lock;
use crate::time::detach;

/// The lanes of a link. Reads have one of their own, so that neither a paused write nor a large value holds up
/// a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaneKind {
    /// For the reads of entries.
    Reads,
    /// For everything else, and for the reads of large entries.
    Writes,
}

pub(super) struct Lane {
    dialer: Arc<Dialer>,
    /// The other lane of the link. Both connect at the same time: after a failover behind one name, connections that
    /// were made at different times may lead to different servers, and what is deleted on one is still read on the
    /// other.
    twin: OnceLock<Weak<Self>>,
    connection: OnceLock<Here>,
    /// How many commands that were sent one by one have been answered.
    replies: AtomicU64,
    /// The attempt to make the connection that is under way.
    attempt: Mutex<Option<Attempt>>,
    /// How many bytes had arrived when an operation was last not answered in time, and one more; zero if all
    /// were.
    at_timeout: AtomicU64,
    /// Outlives this lane: the next link of the place has the same breaker.
    pub(super) breaker: Arc<Breaker>,
}

/// A connection, and when it was made.
struct Here {
    connection: Dialed,
    since: Instant,
}

/// The bytes and replies that had arrived on a lane at one moment.
#[derive(Clone, Copy)]
pub(super) struct Arrived {
    bytes: u64,
    replies: u64,
}

/// The outcome of an attempt to connect, once there is one.
type Attempt = watch::Receiver<Option<Result<Dialed, Failure>>>;

impl Lane {
    /// A lane whose connection is not made yet.
    pub(super) fn new(dialer: &Arc<Dialer>, breaker: &Arc<Breaker>) -> Arc<Self> {
        Arc::new(Self {
            dialer: Arc::clone(dialer),
            twin: OnceLock::new(),
            connection: OnceLock::new(),
            replies: AtomicU64::new(0),
            attempt: Mutex::default(),
            at_timeout: AtomicU64::new(0),
            breaker: Arc::clone(breaker),
        })
    }

    /// Has both lanes connect whenever one of them does.
    pub(super) fn pair(self: &Arc<Self>, other: &Arc<Self>) {
        // Every lane is paired once, by the link that is being made.
        let _ = self.twin.set(Arc::downgrade(other));
        let _ = other.twin.set(Arc::downgrade(self));
    }

    /// Sends one command.
    pub(super) async fn send(self: &Arc<Self>, command: &Cmd) -> Answer<Value> {
        let mut connection = match self.connection.get() {
            Some(here) => here.connection.clone(),
            // Boxed, because connecting is rare, and a hit should not carry its future.
            None => Box::pin(self.connect()).await?,
        };
        // The client's own future is large. The client boxes it, so it is not moved again and again.
        let reply = connection.req_packed_command(command).await?;
        self.replies.fetch_add(1, Ordering::Relaxed);
        Ok(reply)
    }

    /// Sends several commands at once. A command that the server refuses gives its error as its value.
    pub(super) async fn send_all(self: &Arc<Self>, commands: &Pipeline) -> Answer<Vec<Value>> {
        let mut connection = self.connection().await?;
        let replies = connection.req_packed_commands(commands, 0, commands.len()).await?;
        self.replies.fetch_add(1, Ordering::Relaxed);
        Ok(replies)
    }

    /// The connection, for several commands.
    pub(super) async fn connection(self: &Arc<Self>) -> Result<Dialed, Failure> {
        match self.connection.get() {
            Some(here) => Ok(here.connection.clone()),
            None => self.connect().await,
        }
    }

    async fn connect(self: &Arc<Self>) -> Result<Dialed, Failure> {
        let ended_early = || Failure::lost(self.dialer.address());
        let mut attempt = self.attempt();
        if let Some(twin) = self.twin.get().and_then(Weak::upgrade) {
            drop(twin.attempt());
        }
        let outcome = attempt.wait_for(Option::is_some).await.map_err(|_| ended_early())?;
        outcome.clone().unwrap_or_else(|| Err(ended_early()))
    }

    /// The attempt to connect that is under way, or a new one.
    fn attempt(self: &Arc<Self>) -> Attempt {
        let mut under_way = lock(&self.attempt);
        // An attempt whose task is gone has no outcome unless it had succeeded, and one that failed is made again.
        let goes_on = |attempt: &Attempt| match &*attempt.borrow() {
            Some(outcome) => outcome.is_ok(),
            None => attempt.has_changed().is_ok(),
        };
        if let Some(attempt) = under_way.as_ref().filter(|attempt| goes_on(attempt)) {
            return attempt.clone();
        }
        let (tell, attempt) = watch::channel(None);
        *under_way = Some(attempt.clone());
        drop(under_way);
        let lane = Arc::clone(self);
        detach(async move {
            let dialed = lane.dialer.dial().await;
            if let Ok(connection) = &dialed {
                // Only one attempt is under way, so the place is empty.
                let here = Here { connection: connection.clone(), since: Instant::now() };
                let _ = lane.connection.set(here);
            }
            tell.send_replace(Some(dialed));
        });
        attempt
    }

    /// The bytes and replies that have arrived until now.
    pub(super) fn arrived(&self) -> Arrived {
        let bytes = self.connection.get().map_or(0, |here| here.connection.received());
        Arrived { bytes, replies: self.replies.load(Ordering::Relaxed) }
    }

    /// Whether a large value is arriving, or has just arrived: many bytes since `before`, and hardly a reply.
    pub(super) fn is_busy_since(&self, before: Arrived) -> bool {
        /// A reply that was on its way already, and the large one.
        const MOST_REPLIES: u64 = 2;
        let now = self.arrived();
        let bytes = now.bytes.saturating_sub(before.bytes);
        let replies = now.replies.saturating_sub(before.replies);
        usize::try_from(bytes).is_ok_and(|bytes| bytes >= LARGE) && replies <= MOST_REPLIES
    }

    /// Whether the connection was made at `moment` or later.
    pub(super) fn is_newer_than(&self, moment: Instant) -> bool {
        self.connection.get().is_some_and(|here| here.since >= moment)
    }

    /// Notes that an operation was not answered in time. Whether the connection is silent, because not a byte has
    /// come since the one before was not answered either.
    pub(super) fn note_timeout(&self) -> bool {
        let Some(here) = self.connection.get() else { return false };
        let received = here.connection.received().saturating_add(1);
        self.at_timeout.swap(received, Ordering::Relaxed) == received
    }
}
