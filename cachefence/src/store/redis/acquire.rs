//! Acquiring a slot on Redis, and being woken where others hold it.
//!
//! An acquire whose caller waits goes over the tracking connection, on which the server tells when what the
//! script has read changes. Any other acquire goes over the lane of writes, and so does the first one of
//! a caller as long as there is no tracking connection, because most callers never have to wait. A tracking
//! connection that fails says nothing about the server. It is given half of the time, and the engine then
//! asks over the lane of writes. One on which the script is refused is as good as before.

use std::pin::pin;
use std::sync::Arc;

use super::failure::Failure;
use super::protocol::{Reply, Target};
use super::scripts::Tracked;
use super::server::Server;
use super::tracking::Connected;
use super::{At, RedisStore, record, refusal, scripts};
use crate::error::StoreError;
use crate::key::Key;
use crate::store::{Acquire, Acquired, Revision, Snapshot, Timestamp, Watch};
use crate::time::in_time;

impl RedisStore {
    pub(super) async fn try_acquire(
        &self,
        key: &Key,
        request: &Acquire<'_>,
    ) -> Result<Acquired, StoreError> {
        // A woken waiter mostly finds a value, and one GET is the cheapest way to fetch it.
        if let Some(watch) = request.watch
            && watch.is_armed()
            && arms(&self.servers.of(key), watch)
            && let Some(entry) = self.changed(key, request.seen).await
        {
            return Ok(Acquired::Newer(entry));
        }
        let mut request = *request;
        loop {
            let (reply, now) = self.acquire_any(key, &request).await?;
            let bytes = match reply {
                Reply::Lease => return Ok(Acquired::Lease),
                Reply::Held(held) => return Ok(Acquired::Held(held)),
                Reply::Newer(bytes) => bytes,
            };
            let server = self.servers.of(key);
            let now = match now {
                Some(now) => now,
                None => server.now().await?,
            };
            let revision = record::revision_of(key, self.codec, &bytes);
            if let Some(newer) = self.found((&server, &server.links.here()?), key, Some(bytes), now)
            {
                return Ok(Acquired::Newer(newer));
            }
            // The bytes begin as an entry does, but are none. With their revision as the one that was seen,
            // the next round passes over them, and a load overwrites them like any garbage.
            if revision.is_none() || revision == request.seen {
                return Err(StoreError::new("the store gave an entry that is none"));
            }
            request.seen = revision;
        }
    }

    /// The entry, if it is not the one that the caller saw.
    async fn changed(&self, key: &Key, seen: Option<Revision>) -> Option<Snapshot> {
        let found = in_time(self.op_timeout / 2, pin!(self.get(key))).await?.ok()??;
        (Some(found.revision) != seen).then_some(found)
    }

    async fn acquire_any(
        &self,
        key: &Key,
        request: &Acquire<'_>,
    ) -> Result<(Reply, Option<Timestamp>), StoreError> {
        let server = self.servers.of(key);
        if let Some(watch) = request.watch.filter(|watch| arms(&server, watch))
            && let Some(reply) = self.acquire_tracked(&server, key, request, watch).await
        {
            return reply.map(|reply| (reply, None));
        }
        self.acquire_once(key, request).await
    }

    /// Asks for a slot over the lane of writes.
    async fn acquire_once(
        &self,
        key: &Key,
        request: &Acquire<'_>,
    ) -> Result<(Reply, Option<Timestamp>), StoreError> {
        let acquire =
            |at: At| async move { at.protocol.acquire(at.target(key, self.codec), request).await };
        Ok(self.step(key, acquire).await?)
    }

    /// As [`acquire_once`](Self::acquire_once), over the tracking connection. `None` if there is no such
    /// connection, or not yet, or if the server refuses: then nothing was done.
    pub(super) async fn acquire_tracked(
        &self,
        server: &Arc<Server>,
        key: &Key,
        request: &Acquire<'_>,
        watch: &Watch,
    ) -> Option<Result<Reply, StoreError>> {
        let link = match server.links.here() {
            Ok(link) => link,
            Err(error) => return Some(Err(error)),
        };
        if !server.pushes.claim() {
            return None;
        }
        let mut used = None;
        let reply = async {
            let tracked = match link.tracking.connection(&server.links.dialer).await {
                Connected::Here(tracked) => used.insert(tracked),
                Connected::NotNow => return Ok(None),
                Connected::Never => {
                    server.without_pushes();
                    return Ok(None);
                }
            };
            // The watch is added before the script reads, so that no later change is missed.
            tracked.add(key, watch);
            let mut connection = tracked.connection();
            let target = Target { server, link: &link, key, codec: self.codec };
            scripts::acquire_tracked(&mut connection, target, request).await.map(Some)
        };
        // The tracking connection may fail by itself, which says nothing about the server. It is given half
        // of the time, and the rest is left for the lane of writes.
        let reply = in_time(server.op_timeout / 2, pin!(reply)).await;
        let tracked = used?;
        let reply = match reply {
            Some(Ok(Some(Tracked { reply, is_told: true }))) => {
                server.pushed();
                return Some(Ok(reply));
            }
            // The watch of this caller is disarmed with the connection.
            Some(Ok(Some(Tracked { reply, is_told: false }))) => {
                server.without_pushes();
                Ok(reply)
            }
            // The script was refused and did nothing, and the server will tell of no change. Over the lane of
            // writes the refusal is judged.
            Some(Err(error)) if refusal::is_one(&error) => {
                watch.arm().disarm();
                return None;
            }
            Some(Err(error)) => Err(Failure::classify(server.address(), error).into()),
            Some(Ok(None)) | None => Err(StoreError::new(
                "the connection on which Redis tells of changes does not answer",
            )),
        };
        link.tracking.leave(tracked.number());
        Some(reply)
    }
}

/// Whether an acquire from `server` is to arm its watch: if the tracking connection is there, so that this takes no
/// longer, or if an earlier acquire has shown that the caller has to wait.
fn arms(server: &Server, watch: &Watch) -> bool {
    let Ok(link) = server.links.here() else { return false };
    let is_usable = server.may_push() && !link.writes.breaker.is_open();
    is_usable && (!watch.is_new() || link.tracking.is_taken())
}
