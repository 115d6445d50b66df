//! The protocol as scripts: one round trip each, atomic over entry and lock.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, FromRedisValue, RedisResult, Script, ScriptInvocation};

use super::record;
use super::shared::Shared;
use crate::codec::CodecId;
use crate::key::Key;
use crate::store::{Revision, Timestamp, Token};

static ACQUIRE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("acquire.lua")));
static FILL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("fill.lua")));
static POSTPONE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("postpone.lua")));
static LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lease.lua")));

/// Loads the scripts, so that no first call has to.
pub(super) async fn load(shared: &mut Shared) -> RedisResult<()> {
    for script in [&ACQUIRE, &FILL, &POSTPONE, &LEASE] {
        script.load_async(shared).await?;
    }
    Ok(())
}

/// What `acquire.lua` gives.
pub(super) enum Reply {
    Lease,
    Newer(Vec<u8>),
    Held(Duration),
}

/// A result and, if that was asked for, the server's time in seconds and microseconds.
pub(super) type Timed<T> = (T, Option<(u64, u64)>);

pub(super) async fn acquire(
    shared: &mut Shared,
    key: &Key,
    token: &Token,
    lease: Duration,
    seen: Option<Revision>,
    with_time: bool,
    codec: CodecId,
) -> RedisResult<Timed<Reply>> {
    let script = acquire_script(key, token, lease, seen, with_time, codec);
    read_acquired(script.invoke_async(shared).await?)
}

/// As [`acquire`], and has the server remember what it reads.
pub(super) async fn acquire_watching(
    watching: &mut MultiplexedConnection,
    key: &Key,
    token: &Token,
    lease: Duration,
    seen: Option<Revision>,
    codec: CodecId,
) -> RedisResult<Reply> {
    let script = acquire_script(key, token, lease, seen, false, codec);
    let mut pipeline = redis::pipe();
    pipeline.cmd("CLIENT").arg("CACHING").arg("YES").ignore().invoke_script(&script);
    let (reply,) = pipeline.query_async(watching).await?;
    read_acquired(reply).map(|(reply, _)| reply)
}

/// What `acquire.lua` gives: kind, detail and the time.
type Acquired = (u8, redis::Value, Option<u64>, Option<u64>);

fn acquire_script(
    key: &Key,
    token: &Token,
    lease: Duration,
    seen: Option<Revision>,
    with_time: bool,
    codec: CodecId,
) -> ScriptInvocation<'static> {
    let seen = seen.map(revision_bytes);
    let mut script = ACQUIRE.prepare_invoke();
    script
        .key(key.as_str())
        .key(key.lease_name())
        .arg(token.to_string())
        .arg(millis(lease))
        .arg(&record::prefix(key, codec)[..])
        .arg(seen.as_ref().map_or(&[][..], |bytes| &bytes[..]))
        .arg(record::HEADER)
        .arg(u8::from(with_time));
    script
}

fn read_acquired((kind, detail, seconds, micros): Acquired) -> RedisResult<Timed<Reply>> {
    let reply = match kind {
        0 => Reply::Lease,
        1 => Reply::Newer(Vec::from_redis_value(detail)?),
        _ => Reply::Held(Duration::from_millis(u64::from_redis_value(detail)?)),
    };
    Ok((reply, seconds.zip(micros)))
}

pub(super) async fn fill(
    shared: &mut Shared,
    key: &Key,
    token: &Token,
    entry: &[u8],
    life: Duration,
) -> RedisResult<bool> {
    let reply = FILL
        .key(key.as_str())
        .key(key.lease_name())
        .arg(token.to_string())
        .arg(entry)
        .arg(millis(life))
        .invoke_async(shared)
        .await?;
    of(token, reply)
}

/// Releases the lock, and marks the entry.
pub(super) async fn postpone(
    shared: &mut Shared,
    key: &Key,
    token: &Token,
    retry_at: Timestamp,
    codec: CodecId,
) -> RedisResult<bool> {
    let reply = POSTPONE
        .key(key.as_str())
        .key(key.lease_name())
        .arg(token.to_string())
        .arg(&record::prefix(key, codec)[..])
        .arg(record::HEADER)
        .arg(&token.number().to_be_bytes()[..])
        .arg(record::RETRY_AT)
        .arg(&retry_at.as_micros().to_be_bytes()[..])
        .invoke_async(shared)
        .await?;
    of(token, reply)
}

/// The reply to what the holder of `token` asked. On a connection whose replies have slipped, "done" may
/// be another's.
fn of(token: &Token, (done, asked_by): (bool, String)) -> RedisResult<bool> {
    if asked_by == token.to_string() {
        return Ok(done);
    }
    Err((ErrorKind::UnexpectedReturnType, "the reply to another request").into())
}

/// A revision as it stands in an entry.
fn revision_bytes(revision: Revision) -> [u8; 8] {
    revision.0.to_be_bytes()
}

/// Prolongs the lease, or releases it without one.
pub(super) async fn lease(
    shared: &mut Shared,
    key: &Key,
    token: &Token,
    lease: Option<Duration>,
) -> RedisResult<bool> {
    let reply = LEASE
        .key(key.lease_name())
        .arg(token.to_string())
        .arg(lease.map_or(0, millis))
        .invoke_async(shared)
        .await?;
    of(token, reply)
}

/// Whole milliseconds, which the bounds of the options keep above zero and within Redis's reach.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
