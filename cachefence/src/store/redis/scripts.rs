//! The steps as scripts: one round trip each.
//!
//! A script sees and changes an entry and both slots with nobody else in between. It is sent by its hash,
//! and as a whole only if the server does not know it. A reply of `renew.lua` and `finish.lua` repeats
//! the token that was sent, so that the reply to another command is not taken for it.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, FromRedisValue, RedisResult, Script, ScriptInvocation, Value};

use super::protocol::{Ending, Protocol, Reply, Step, Target, Timed, holder, millis};
use super::record;
use crate::store::{Acquire, Held, Outcome, Take, Token};

static ACQUIRE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("acquire.lua")));
static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("renew.lua")));
static FINISH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("finish.lua")));

/// Loads the scripts, so that no first call has to.
pub(super) async fn load(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    for script in [&ACQUIRE, &RENEW, &FINISH] {
        script.load_async(connection).await?;
    }
    Ok(())
}

pub(super) struct Scripts;

impl Protocol for Scripts {
    fn acquire<'a>(
        &'a self,
        target: Target<'a>,
        request: &'a Acquire<'a>,
        with_time: bool,
    ) -> Step<'a, Timed<Reply>> {
        Box::pin(async move {
            let script = acquire_script(target, request, with_time);
            let mut connection = target.link.writes.connection().await?;
            Ok(read_acquired(script.invoke_async(&mut *connection).await?)?)
        })
    }

    fn renew<'a>(&'a self, target: Target<'a>, token: Token, term: Duration) -> Step<'a, bool> {
        Box::pin(async move {
            let mut script = RENEW.prepare_invoke();
            script.key(target.key.lease_name()).key(target.key.hedge_name());
            script.arg(token.to_string()).arg(millis(term));
            let mut connection = target.link.writes.connection().await?;
            Ok(reply_to(token, script.invoke_async(&mut *connection).await?)?)
        })
    }

    fn finish<'a>(
        &'a self,
        target: Target<'a>,
        tokens: &'a [Token],
        ending: &'a Ending<'a>,
    ) -> Step<'a, bool> {
        Box::pin(async move {
            let Some(first) = tokens.first() else { return Ok(false) };
            let mut script = FINISH.prepare_invoke();
            script
                .key(target.key.as_str())
                .key(target.key.lease_name())
                .key(target.key.hedge_name());
            let how = match ending.outcome {
                Outcome::Store(_) => "store",
                Outcome::Uncacheable(_) => "mark",
                Outcome::Postpone(_) => "postpone",
                Outcome::Release => "release",
            };
            script
                .arg(how)
                .arg(&record::prefix(target.key, target.codec)[..])
                .arg(&ending.entry[..])
                .arg(millis(ending.life))
                .arg(&ending.revision.0.to_be_bytes()[..])
                .arg(&ending.retry_at.as_micros().to_be_bytes()[..])
                .arg(ending.now.as_micros());
            for token in tokens {
                script.arg(token.to_string());
            }
            let mut connection = target.link.writes.connection().await?;
            Ok(reply_to(*first, script.invoke_async(&mut *connection).await?)?)
        })
    }
}

/// As [`Protocol::acquire`], over a tracking connection: the server tells when a key that the script has
/// read changes.
pub(super) async fn acquire_tracked(
    tracking: &mut MultiplexedConnection,
    target: Target<'_>,
    request: &Acquire<'_>,
) -> RedisResult<Reply> {
    let script = acquire_script(target, request, false);
    let mut pipeline = redis::pipe();
    pipeline.cmd("CLIENT").arg("CACHING").arg("YES").ignore().invoke_script(&script);
    let (reply,) = pipeline.query_async(tracking).await?;
    read_acquired(reply).map(|(reply, _)| reply)
}

fn acquire_script(
    target: Target<'_>,
    request: &Acquire<'_>,
    with_time: bool,
) -> ScriptInvocation<'static> {
    let take = match request.take {
        Take::IfFree => "free",
        Take::Beside => "beside",
        Take::Force => "force",
    };
    let seen = request.seen.map(|revision| revision.0.to_be_bytes());
    let mut script = ACQUIRE.prepare_invoke();
    script
        .key(target.key.as_str())
        .key(target.key.lease_name())
        .key(target.key.hedge_name())
        .arg(take)
        .arg(request.token.to_string())
        .arg(millis(request.lease))
        .arg(&record::prefix(target.key, target.codec)[..])
        .arg(seen.as_ref().map_or(&[][..], |bytes| &bytes[..]))
        .arg(record::HEADER)
        .arg(u8::from(with_time));
    script
}

/// What `acquire.lua` gives: kind, lease or entry, what is left of the lease, hedge, what is left of the
/// hedge, and the time.
type ScriptReply = (u8, Value, Option<i64>, Option<Vec<u8>>, Option<i64>, Option<u64>, Option<u64>);

fn read_acquired(reply: ScriptReply) -> RedisResult<Timed<Reply>> {
    let (kind, detail, lease_left, hedge, hedge_left, seconds, micros) = reply;
    let reply = match kind {
        0 => Reply::Lease,
        1 => Reply::Newer(Vec::from_redis_value(detail)?),
        _ => {
            let lease = Option::<Vec<u8>>::from_redis_value(detail)?;
            Reply::Held(Held::new(
                holder(lease.as_deref(), lease_left),
                holder(hedge.as_deref(), hedge_left),
            ))
        }
    };
    Ok((reply, seconds.zip(micros)))
}

/// The reply to what the holder of `token` asked. On a connection whose replies have slipped, "done" may
/// be the reply to another request.
fn reply_to(token: Token, (done, asked_by): (bool, String)) -> RedisResult<bool> {
    if asked_by == token.to_string() {
        return Ok(done);
    }
    Err((ErrorKind::UnexpectedReturnType, "the reply to another request").into())
}
