//! Reading an entry from Redis.
//!
//! A hit is one `GET`, or one key of an `MGET` (`batch`). If the server's time is not known well
//! enough, `TIME` goes along in the same round trip. A read whose connection was lost is sent once
//! more, which does no harm, and a key that holds something else than a string counts as a miss.

use std::pin::pin;

use redis::RedisResult;
use tokio::time::Instant;

use super::RedisStore;
use super::failure::{Failure, Read};
use crate::error::StoreError;
use crate::key::Key;
use crate::store::Snapshot;
use crate::time::in_time;

impl RedisStore {
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Snapshot>, StoreError> {
        let server = &self.server;
        let asked = Instant::now();
        let begun = server.clock.moment(asked);
        if !server.clock.is_known(begun) {
            // Boxed, because this is rare, and a hit's future should be small.
            return Box::pin(self.get_with_time(key)).await;
        }
        let link = server.links.here()?;
        let reply = pin!(link.reads.read(key.as_str(), asked, server.op_timeout));
        match server.ask_at(asked, reply).await {
            Ok(entry) => {
                let answered = server.clock.moment(Instant::now());
                server.took(answered.micros_since(begun));
                match server.clock.at(answered) {
                    Some(now) => Ok(self.snapshot(key, entry, now)),
                    None => Box::pin(self.get_with_time(key)).await,
                }
            }
            Err(failure) => Box::pin(self.unread(key, failure)).await,
        }
    }

    /// As [`get`](Self::get); the same round trip brings the time.
    async fn get_with_time(&self, key: &Key) -> Result<Option<Snapshot>, StoreError> {
        match self.ask_with_time(key).await {
            Ok(found) => Ok(found),
            Err(failure) => self.unread(key, failure).await,
        }
    }

    async fn ask_with_time(&self, key: &Key) -> Result<Option<Snapshot>, Failure> {
        let server = &self.server;
        let link = server.links.here()?;
        let both = async {
            let mut pipeline = redis::pipe();
            pipeline.ignore_errors().cmd("GET").arg(key.as_str()).cmd("TIME");
            pipeline.query_async(&mut link.shared.clone()).await
        };
        let sent = Instant::now();
        let (entry, time): (RedisResult<Option<Vec<u8>>>, _) =
            server.ask_at(sent, pin!(both)).await?;
        let now = server.clock.learn(sent, time);
        let entry = entry.map_err(|error| Failure::classify(server.address(), error))?;
        Ok(self.snapshot(key, entry, now))
    }

    /// The result of a read that ended in `failure`: a miss, the result of a second try, or an error.
    async fn unread(&self, key: &Key, failure: Failure) -> Result<Option<Snapshot>, StoreError> {
        let limit = self.server.op_timeout / 2;
        match failure.kind.meaning().read {
            Read::Miss => Ok(None),
            Read::Error => Err(failure.into()),
            Read::Again => match in_time(limit, pin!(self.ask_with_time(key))).await {
                Some(Ok(found)) => Ok(found),
                Some(Err(again)) if again.kind.meaning().read == Read::Miss => Ok(None),
                Some(Err(again)) => Err(again.into()),
                None => Err(failure.into()),
            },
        }
    }
}
