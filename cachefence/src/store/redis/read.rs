//! Reading an entry from Redis.
//!
//! A hit is one `GET`, or one key of an `MGET` (`batch`), over the lane of reads. If the server's time is not
//! known well enough, `TIME` goes along in the same round trip. A read whose connection was lost is sent once
//! more, which does no harm, and a key that holds something else than a string counts as a miss.
//!
//! A key whose value is known to be large is read over the lane of writes, so that hits need not wait until it
//! has arrived (`large`). A read that finds itself behind a large value asks once more, for the beginning of its own.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use redis::RedisResult;
use tokio::time::Instant;

use super::RedisStore;
use super::batch::get;
use super::cluster::{Hop, MOST_HOPS};
use super::failure::{Answer, Failure, FailureKind, Read};
use super::lane::LaneKind;
use super::large::LARGE;
use super::link::Link;
use super::server::Server;
use crate::error::StoreError;
use crate::key::Key;
use crate::store::Snapshot;
use crate::time::in_time;

/// The reply to a read, and the server's time.
type WithTime<T> = (RedisResult<T>, (u64, u64));

/// Makes the error of a read that of the operation: a server that does not read, and yet tells its time, is in trouble.
/// Not so where a key is of another type, which says nothing of the server.
fn judge<T>(reply: WithTime<T>) -> RedisResult<WithTime<T>> {
    match reply {
        (Err(error), _) if error.code() != Some("WRONGTYPE") => Err(error),
        reply => Ok(reply),
    }
}

impl RedisStore {
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Snapshot>, StoreError> {
        let server = &*self.servers.of(key);
        let asked = Instant::now();
        let link = server.links.here()?;
        let begun = link.clock.moment(asked);
        if !link.clock.is_known(begun) || server.large.contains(key) {
            // Boxed, because this is rare, and a hit's future should be small.
            return Box::pin(self.get_with_time(server, link, key)).await;
        }
        let reply = link.batch.read(key.as_str(), asked, server.op_timeout);
        let answer =
            server.ask_at(&link, LaneKind::Reads, (asked, self.op_timeout), pin!(reply)).await;
        match answer {
            Ok(entry) => {
                let answered = link.clock.moment(Instant::now());
                server.took(answered.micros_since(begun));
                match link.clock.at(answered) {
                    Some(now) => Ok(self.found((server, &link), key, entry, now)),
                    None => Box::pin(self.get_with_time(server, link, key)).await,
                }
            }
            Err(failure) => Box::pin(self.after_failure(server, key, failure)).await,
        }
    }

    /// As [`get`](Self::get), where the time has to be asked for, or the value is large.
    async fn get_with_time(
        &self,
        server: &Arc<Server>,
        link: Arc<Link>,
        key: &Key,
    ) -> Result<Option<Snapshot>, StoreError> {
        match self.ask_with_time(server, link, key).await {
            Ok(found) => Ok(found),
            Err(failure) => self.after_failure(server, key, failure).await,
        }
    }

    /// Reads the entry, and asks for the server's time.
    async fn ask_with_time(
        &self,
        server: &Arc<Server>,
        link: Arc<Link>,
        key: &Key,
    ) -> Result<Option<Snapshot>, Failure> {
        self.ask_within(self.op_timeout, server, link, key, false).await
    }

    /// As [`ask_with_time`](Self::ask_with_time), within `limit`. A node that was named by `ASK` is told so (`asking`).
    async fn ask_within(
        &self,
        limit: Duration,
        server: &Arc<Server>,
        link: Arc<Link>,
        key: &Key,
        asking: bool,
    ) -> Result<Option<Snapshot>, Failure> {
        // While writes are left alone, a large value may hold up hits: better than not to be read.
        let beside = server.large.contains(key) && !link.writes.breaker.is_open();
        let lane = if beside { LaneKind::Writes } else { LaneKind::Reads };
        let sent = Instant::now();
        let both = async {
            let mut connection = link.lane(lane).connection().await?;
            let mut pipeline = redis::pipe();
            pipeline.ignore_errors();
            if asking {
                pipeline.cmd("ASKING").ignore();
            }
            pipeline.add_command(get(key.as_str())).cmd("TIME");
            Answer::Ok(judge(pipeline.query_async(&mut *connection).await?)?)
        };
        let both = pin!(both);
        let (entry, time): WithTime<Option<Vec<u8>>> = if beside {
            server.ask_beside_writes(&link, (sent, limit), both).await?
        } else {
            server.ask_at(&link, lane, (sent, limit), both).await?
        };
        let now = server.learn(&link, sent, time);
        let entry = entry.map_err(|error| Failure::classify(server.address(), error))?;
        Ok(self.found((server, &link), key, entry, now))
    }

    /// Reads the value of a key behind which a large value was arriving, if it was not that of this very key: the
    /// beginning of the value shows.
    async fn ask_for_the_beginning(
        &self,
        server: &Arc<Server>,
        link: Arc<Link>,
        key: &Key,
    ) -> Result<Option<Snapshot>, Failure> {
        let sent = Instant::now();
        let both = async {
            let mut connection = link.reads.connection().await?;
            let mut pipeline = redis::pipe();
            pipeline.ignore_errors().cmd("GETRANGE").arg(key.as_str()).arg(0).arg(LARGE - 1);
            pipeline.cmd("TIME");
            Answer::Ok(judge(pipeline.query_async(&mut *connection).await?)?)
        };
        let (beginning, time): WithTime<Vec<u8>> =
            server.ask_at(&link, LaneKind::Reads, (sent, self.op_timeout), pin!(both)).await?;
        let now = server.learn(&link, sent, time);
        let beginning = beginning.map_err(|error| Failure::classify(server.address(), error))?;
        if beginning.len() < LARGE {
            // The server gives nothing for a key that is not there.
            let whole = Some(beginning).filter(|bytes| !bytes.is_empty());
            return Ok(self.found((server, &link), key, whole, now));
        }
        server.large.insert(key);
        self.ask_with_time(server, link, key).await
    }

    /// The result of a read that `server` answered by `failure`: a miss, the result of a second try, or an error.
    async fn after_failure(
        &self,
        server: &Arc<Server>,
        key: &Key,
        failure: Failure,
    ) -> Result<Option<Snapshot>, StoreError> {
        let hop = self.servers.next_hop(server, &failure);
        match (failure.kind.meaning().read, hop) {
            (Read::Miss, _) => Ok(None),
            (Read::Error, _) | (Read::Elsewhere, None) => Err(failure.into()),
            (Read::Elsewhere, Some(hop)) => self.get_elsewhere(hop, key).await,
            (Read::Again, _) => {
                let is_congested = failure.kind == FailureKind::Congested;
                let server = self.servers.of(key);
                if is_congested && server.large.contains(key) {
                    return Err(failure.into()); // it is this very value that takes long to arrive
                }
                let link = server.links.here()?;
                let again = async {
                    if is_congested {
                        self.ask_for_the_beginning(&server, link, key).await
                    } else {
                        self.ask_with_time(&server, link, key).await
                    }
                };
                match in_time(self.op_timeout / 2, pin!(again)).await {
                    Some(Ok(found)) => Ok(found),
                    Some(Err(again)) if again.kind.meaning().read == Read::Miss => Ok(None),
                    Some(Err(again)) => Err(again.error),
                    None => Err(failure.error),
                }
            }
        }
    }

    /// Reads the entry from the node of `hop`, to which another has sent the read, and after that from one node more at
    /// the most. All of that takes half of the time of an operation, and a node that takes longer has failed.
    async fn get_elsewhere(&self, mut hop: Hop, key: &Key) -> Result<Option<Snapshot>, StoreError> {
        let (begun, limit) = (Instant::now(), self.op_timeout / 2);
        let mut hops = 1;
        loop {
            let Hop { server, asking } = &hop;
            let link = server.links.here()?;
            let left = limit.saturating_sub(begun.elapsed());
            let failure = match self.ask_within(left, server, link, key, *asking).await {
                Ok(found) => return Ok(found),
                Err(failure) => failure,
            };
            if failure.kind.meaning().read == Read::Miss {
                return Ok(None);
            }
            match self.servers.next_hop(server, &failure) {
                Some(next) if hops < MOST_HOPS && begun.elapsed() < limit => hop = next,
                _ => return Err(failure.into()),
            }
            hops += 1;
        }
    }
}
