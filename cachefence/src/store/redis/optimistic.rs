//! The protocol where scripts are refused: transactions, and WATCH for those with a condition.
//!
//! `WATCH` belongs to a connection: on the shared one, a caller's `EXEC` would end the watch of
//! another. So conditional transactions go over a connection of their own, one at a time.

use std::time::Duration;

use redis::{Cmd, FromRedisValue, Pipeline, RedisResult, Value};

use super::link::{Link, Links};
use super::record;
use super::scripts::{Reply, Timed, millis};
use crate::codec::CodecId;
use crate::key::Key;
use crate::store::{Revision, Timestamp, Token};

/// Takes the lock, if nobody holds it, and looks at the entry: one round trip, unless what stands
/// under the lock's name has to be removed first.
pub(super) async fn acquire(
    links: &Links,
    link: &Link,
    key: &Key,
    token: &Token,
    lease: Duration,
    seen: Option<Revision>,
    codec: CodecId,
) -> RedisResult<Timed<Reply>> {
    let (lock, mut shared) = (key.lease_name(), link.shared.clone());
    // A second time only if the first has removed what was no lock.
    loop {
        let mut pipeline = redis::pipe();
        pipeline.atomic().ignore_errors();
        pipeline
            .cmd("SET")
            .arg(&lock)
            .arg(token.to_string())
            .arg("NX")
            .arg("PX")
            .arg(millis(lease));
        pipeline.cmd("GET").arg(&lock);
        pipeline.cmd("PTTL").arg(&lock);
        pipeline.cmd("GET").arg(key.as_str());
        pipeline.cmd("TIME");
        let replies: Vec<RedisResult<Value>> = pipeline.query_async(&mut shared).await?;
        let mut replies = replies.into_iter();
        let mut next = || replies.next().unwrap_or(Ok(Value::Nil));
        let leads = next()? == Value::Okay;
        let holder = text(next());
        let left = i64::from_redis_value(next()?)?;
        let entry = text(next());
        let time = <(u64, u64)>::from_redis_value(next()?)?;

        let newer = entry.filter(|entry| {
            record::revision_of(key, codec, entry).is_some_and(|found| Some(found) != seen)
        });
        if let Some(entry) = newer {
            if leads {
                self::lease(links, link, key, token, None).await?;
            }
            return Ok((Reply::Newer(entry), Some(time)));
        }
        if leads {
            return Ok((Reply::Lease, Some(time)));
        }
        match (&holder, u64::try_from(left)) {
            (Some(holder), Ok(left)) if holder.len() == token.to_string().len() => {
                return Ok((Reply::Held(Duration::from_millis(left)), Some(time)));
            }
            // No flight wrote this, or it never ends: it is no lock of ours.
            _ => remove_foreign_lock(links, link, &lock, holder).await?,
        }
    }
}

/// A string that a key holds; whatever is none is no lock and no entry.
fn text(reply: RedisResult<Value>) -> Option<Vec<u8>> {
    reply.ok().and_then(|value| Option::from_redis_value(value).ok()).flatten()
}

pub(super) async fn fill(
    links: &Links,
    link: &Link,
    key: &Key,
    token: &Token,
    entry: &[u8],
    life: Duration,
) -> RedisResult<bool> {
    let lock = key.lease_name();
    let mut change = redis::pipe();
    change.atomic();
    change.cmd("SET").arg(key.as_str()).arg(entry).arg("PX").arg(millis(life)).ignore();
    change.cmd("DEL").arg(&lock).ignore();
    if_holds(links, link, &lock, token, &change).await
}

/// Releases the lock, and marks the entry.
pub(super) async fn postpone(
    links: &Links,
    link: &Link,
    key: &Key,
    token: &Token,
    retry_at: Timestamp,
    codec: CodecId,
) -> RedisResult<bool> {
    let lock = key.lease_name();
    let mut header = redis::cmd("GETRANGE");
    header.arg(key.as_str()).arg(0).arg(record::HEADER - 1);
    let mut holds = false;
    let done = watching(links, link, &[&lock, key.as_str()], &[get(&lock), header], |found| {
        if found[0].as_deref() != Some(token.to_string().as_bytes()) {
            return None;
        }
        holds = true;
        let mut change = redis::pipe();
        change.atomic().cmd("DEL").arg(&lock).ignore();
        let header = found[1].as_deref().unwrap_or_default();
        if header.len() == record::HEADER && header.starts_with(&record::prefix(key, codec)) {
            let mut put = |at: usize, bytes: [u8; 8]| {
                change.cmd("SETRANGE").arg(key.as_str()).arg(at).arg(&bytes[..]).ignore();
            };
            put(record::REVISION_AT, token.number().to_be_bytes());
            put(record::RETRY_AT, retry_at.as_micros().to_be_bytes());
        }
        Some(change)
    })
    .await?;
    if holds && !done {
        // If it is the entry that has changed, there is nothing to mark any more, and still a lock.
        return self::lease(links, link, key, token, None).await;
    }
    Ok(done)
}

/// Prolongs the lease, or releases it without one.
pub(super) async fn lease(
    links: &Links,
    link: &Link,
    key: &Key,
    token: &Token,
    lease: Option<Duration>,
) -> RedisResult<bool> {
    let lock = key.lease_name();
    let mut change = redis::pipe();
    change.atomic();
    match lease {
        Some(lease) => change.cmd("PEXPIRE").arg(&lock).arg(millis(lease)).ignore(),
        None => change.cmd("DEL").arg(&lock).ignore(),
    };
    if_holds(links, link, &lock, token, &change).await
}

/// Runs `change` if `lock` holds `token`, and still does when it runs.
async fn if_holds(
    links: &Links,
    link: &Link,
    lock: &str,
    token: &Token,
    change: &Pipeline,
) -> RedisResult<bool> {
    watching(links, link, &[lock], &[get(lock)], |found| {
        let holds = found[0].as_deref() == Some(token.to_string().as_bytes());
        holds.then(|| change.clone())
    })
    .await
}

/// Deletes what stands under a lock's name and is no lock, unless it has changed since `found`.
async fn remove_foreign_lock(
    links: &Links,
    link: &Link,
    lock: &str,
    found: Option<Vec<u8>>,
) -> RedisResult<()> {
    let mut change = redis::pipe();
    change.atomic().cmd("DEL").arg(lock).ignore();
    let unchanged = |now: &[Option<Vec<u8>>]| (now[0] == found).then_some(change);
    watching(links, link, &[lock], &[get(lock)], unchanged).await?;
    Ok(())
}

fn get(name: &str) -> Cmd {
    let mut get = redis::cmd("GET");
    get.arg(name);
    get
}

/// Looks at the replies of `looks`, and runs the transaction that `decide` makes of them if nothing
/// has touched `names` until then.
async fn watching(
    links: &Links,
    link: &Link,
    names: &[&str],
    looks: &[Cmd],
    decide: impl FnOnce(&[Option<Vec<u8>>]) -> Option<Pipeline>,
) -> RedisResult<bool> {
    let mut own = link.own.lock().await;
    // Taken out, and put back only when no watch is left: a caller that is dropped half way drops
    // the connection with it.
    let mut connection = match own.take() {
        Some(connection) => connection,
        None => links.connect().await?,
    };
    redis::cmd("WATCH").arg(names).exec_async(&mut connection).await?;
    let mut found = Vec::new();
    for look in looks {
        found.push(text(look.query_async(&mut connection).await));
    }
    let done = if let Some(change) = decide(&found) {
        // Nil if the watch was broken.
        change.query_async::<Option<Value>>(&mut connection).await?.is_some()
    } else {
        redis::cmd("UNWATCH").exec_async(&mut connection).await?;
        false
    };
    *own = Some(connection);
    Ok(done)
}
