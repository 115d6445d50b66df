//! Transactions with a condition: nothing is written if what was read before has changed meanwhile.
//!
//! `WATCH` belongs to a connection, so such a transaction has one for itself, out of the link's `pool`. It runs in a
//! task of its own: a caller that is dropped, or that nobody polls, keeps no connection, and what it wanted written is
//! written. Waiting for a connection says nothing of the server, so the time limit begins when there is one.

use std::pin::pin;
use std::sync::Arc;

use redis::aio::ConnectionLike;
use redis::{FromRedisValue, RedisResult, Value};
use tokio::time::Instant;

use super::dialed::Dialed;
use super::failure::Failure;
use super::multi::{Transaction, begin, cmd, unjudged};
use super::pool::Lent;
use super::protocol::Target;
use super::record::HEADER;
use super::refusal;
use crate::error::StoreError;
use crate::time::spawn;

/// What a transaction depends on.
pub(super) struct Condition {
    /// The names of slots.
    pub(super) names: Vec<String>,
    /// The name of an entry, if the entry is a part of the condition.
    pub(super) entry: Option<String>,
}

/// Runs the transaction that `change` makes of what stands under the names of slots and of the entry's
/// header. If any of these changes before the transaction runs, all of it is read and made again. `false`
/// if `change` makes none.
pub(super) async fn run<C>(target: Target<'_>, when: Condition, change: C) -> Result<bool, Failure>
where
    C: Fn(&[Option<Vec<u8>>], &[u8]) -> Option<Transaction> + Send + Sync + 'static,
{
    let (server, link) = (Arc::clone(target.server), Arc::clone(target.link));
    let task = spawn(async move {
        let lent = link.watched.lend(server.dial(&link)).await?;
        let ran = async { Ok(run_on(lent, &when, &change).await?) };
        let asked = Instant::now();
        let written = server.ask_apart(&link, asked, pin!(ran)).await?;
        if written {
            link.writes.breaker.succeeded();
        }
        server.answered(asked);
        Ok(written)
    });
    let ended = match task {
        Some(task) => task.await.ok(),
        None => None,
    };
    ended.unwrap_or_else(|| {
        Err(StoreError::new("the tokio runtime ended before Redis was asked").into())
    })
}

async fn run_on<C>(mut lent: Lent<Dialed>, when: &Condition, change: &C) -> RedisResult<bool>
where
    C: Fn(&[Option<Vec<u8>>], &[u8]) -> Option<Transaction>,
{
    loop {
        let connection = &mut *lent.connection;
        let (found, header) = look(connection, when).await?;
        let Some(change) = change(&found, &header) else {
            cmd("DISCARD", |cmd| cmd).exec_async(connection).await?;
            lent.give_back();
            return Ok(false);
        };
        let done = change.run_begun(connection).await;
        match done {
            Ok(None) => {}
            Ok(Some(_)) => {
                lent.give_back();
                return Ok(true);
            }
            Err(error) => {
                // A server that refuses has discarded the transaction, and its watches.
                if refusal::is_one(&error) {
                    lent.give_back();
                }
                return Err(error);
            }
        }
    }
}

/// Watches what a transaction depends on, reads it, and begins the transaction, in one round trip. A server that does
/// not begin it is sent no write.
async fn look(
    connection: &mut impl ConnectionLike,
    when: &Condition,
) -> RedisResult<(Vec<Option<Vec<u8>>>, Vec<u8>)> {
    let mut pipeline = unjudged();
    pipeline.cmd("WATCH").arg(&when.names).arg(&when.entry);
    // What is no string is no slot, and `MGET` gives nil for it.
    pipeline.cmd("MGET").arg(&when.names);
    if let Some(entry) = &when.entry {
        pipeline.cmd("GETRANGE").arg(entry).arg(0).arg(HEADER - 1);
    }
    begin(&mut pipeline);
    let replies: Vec<RedisResult<Value>> = pipeline.query_async(connection).await?;
    let mut replies = replies.into_iter();
    let mut next = || replies.next().unwrap_or(Ok(Value::Nil));
    next()?;
    let found = FromRedisValue::from_redis_value(next()?)?;
    let header = match when.entry {
        None => Vec::new(),
        Some(_) => match next() {
            // What is no string is no entry.
            Err(error) if error.code() == Some("WRONGTYPE") => Vec::new(),
            header => FromRedisValue::from_redis_value(header?)?,
        },
    };
    next()?;
    Ok((found, header))
}
