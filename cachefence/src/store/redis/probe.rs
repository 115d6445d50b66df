//! Probes: whether a server answers again that is left alone.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};
use tokio::time::Instant;

use super::breaker::Probe;
use super::dialed::Dialed;
use super::failure::{Answer, Failure};
use super::lane::LaneKind;
use super::server::Server;
use crate::chance;
use crate::time::{detach, in_time_from};

impl Server {
    /// Starts a task that probes the server, if a probe is due.
    pub(super) fn probe_if_due(self: &Arc<Self>, lane: LaneKind) {
        // Twice the limit, because a task that is starved of CPU runs late.
        if !self.links.probes(lane).claim(self.longest_probe().saturating_mul(2)) {
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
            Answer::Ok(self.try_lane(lane, &mut connection).await?)
        });
        let failure = match in_time_from(begun, self.longest_probe(), reply).await {
            Some(Ok(())) => return Probe::Answered,
            Some(Err(unanswered)) => Failure::of(self.address(), unanswered),
            None => Failure::timeout(self.address(), self.longest_probe()),
        };
        if lane == LaneKind::Reads {
            self.observers.store_still_down(&self.name(), &failure.error);
        }
        Probe::Failed { at_once: begun.elapsed() < self.op_timeout / 2 }
    }

    /// Sends what shows whether the server takes the commands of a lane: a server that is loading its data says so, and
    /// so does a replica that has lost its primary.
    async fn try_lane(&self, lane: LaneKind, connection: &mut Dialed) -> RedisResult<()> {
        use ServerErrorKind::{Ask, Moved, NoPerm, ReadOnly, ResponseError, TryAgain};
        let probed_key = self.probed_key();
        let mut send = async |command: &Cmd| command.query_async::<Value>(&mut **connection).await;
        let answered = match lane {
            LaneKind::Reads => {
                // Not every user may send a PING, and not every server knows it.
                match send(&redis::cmd("PING")).await.map_err(|error| (error.kind(), error)) {
                    Ok(_) | Err((ErrorKind::Server(NoPerm | ResponseError), _)) => {}
                    Err((_, error)) => return Err(error),
                }
                send(&Cmd::get(&probed_key)).await
            }
            // A server whose writes are paused answers all but a write.
            LaneKind::Writes => send(&Cmd::del(&probed_key)).await,
        };
        match answered.map_err(|error| (error.kind(), error)) {
            Err((ErrorKind::Server(NoPerm | ReadOnly), _)) if lane == LaneKind::Writes => Ok(()),
            // A node of a cluster answers so whose slots have moved.
            Err((ErrorKind::Server(Ask | Moved | TryAgain), _)) | Ok(_) => Ok(()),
            Err((_, error)) => Err(error),
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
        match (ended, lane) {
            (Some(outage), LaneKind::Reads) => {
                server.observers.store_up(&server.name(), outage, false);
            }
            (Some(_), LaneKind::Writes) => server.restored("takes writes again"),
            (None, _) => {}
        }
    }
}
