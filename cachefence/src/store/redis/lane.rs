//! A lane: one connection of a link, made when it is first needed, and what is known of its silence.
//!
//! A task makes the connection, so that a caller which gives up does not stop the attempt of the others.
//! A lane never repairs its connection. When that is of no use any more, the whole link is replaced.
//!
//! The client has a connection of this kind of its own, `ConnectionManager`, but that passes each command
//! through a shared future and a boxed one, which would make a hit slower.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use redis::aio::ConnectionLike as _;
use redis::{Cmd, Value};
use tokio::sync::watch;

use super::breaker::Breaker;
use super::dial::{Dialed, Dialer};
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
    connection: OnceLock<Dialed>,
    /// The attempt to make the connection that is under way.
    attempt: Mutex<Option<Attempt>>,
    /// How many bytes had arrived when an operation was last not answered in time, and one more; zero if all
    /// were.
    at_timeout: AtomicU64,
    /// Outlives this lane: the next link of the place has the same breaker.
    pub(super) breaker: Arc<Breaker>,
}

/// The outcome of an attempt to connect, once there is one.
type Attempt = watch::Receiver<Option<Result<Dialed, Failure>>>;

impl Lane {
    /// A lane whose connection is not made yet.
    pub(super) fn new(dialer: &Arc<Dialer>, breaker: &Arc<Breaker>) -> Arc<Self> {
        Arc::new(Self {
            dialer: Arc::clone(dialer),
            connection: OnceLock::new(),
            attempt: Mutex::default(),
            at_timeout: AtomicU64::new(0),
            breaker: Arc::clone(breaker),
        })
    }

    /// Sends one command.
    pub(super) async fn send(self: &Arc<Self>, command: &Cmd) -> Answer<Value> {
        let mut connection = match self.connection.get() {
            Some(connection) => connection.clone(),
            // Boxed, because connecting is rare, and a hit should not carry its future.
            None => Box::pin(self.connect()).await?,
        };
        // The client's own future is large. The client boxes it, so it is not moved again and again.
        Ok(connection.req_packed_command(command).await?)
    }

    /// The connection, for several commands.
    pub(super) async fn connection(self: &Arc<Self>) -> Result<Dialed, Failure> {
        match self.connection.get() {
            Some(connection) => Ok(connection.clone()),
            None => self.connect().await,
        }
    }

    async fn connect(self: &Arc<Self>) -> Result<Dialed, Failure> {
        let ended_early = || Failure::lost(self.dialer.address());
        let mut attempt = self.attempt();
        let outcome = attempt.wait_for(Option::is_some).await.map_err(|_| ended_early())?;
        outcome.clone().unwrap_or_else(|| Err(ended_early()))
    }

    /// The attempt to connect that is under way, or a new one.
    fn attempt(self: &Arc<Self>) -> Attempt {
        let mut under_way = lock(&self.attempt);
        // An attempt whose task is gone has no outcome, and one that failed is made again.
        let goes_on = |attempt: &Attempt| {
            attempt.has_changed().is_ok() && !matches!(*attempt.borrow(), Some(Err(_)))
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
                let _ = lane.connection.set(connection.clone());
            }
            tell.send_replace(Some(dialed));
            // Kept until the outcome is taken: a receiver of a sender that is gone still sees the last value.
        });
        attempt
    }

    /// How many bytes have arrived.
    pub(super) fn received(&self) -> u64 {
        self.connection.get().map_or(0, Dialed::received)
    }

    /// Whether a large value is arriving, or has arrived since so many bytes were `received`.
    pub(super) fn is_busy_since(&self, received: u64) -> bool {
        let arrived = self.received().saturating_sub(received);
        usize::try_from(arrived).is_ok_and(|arrived| arrived >= LARGE)
    }

    /// Notes that an operation was not answered in time. Whether the connection is silent, because not a byte has
    /// come since the one before was not answered either.
    pub(super) fn note_timeout(&self) -> bool {
        let Some(connection) = self.connection.get() else { return false };
        let received = connection.received().saturating_add(1);
        self.at_timeout.swap(received, Ordering::Relaxed) == received
    }
}
