//! The steps as scripts: one round trip each.
//!
//! A script sees and changes an entry and both slots with nobody else in between. It is sent by its hash,
//! and as a whole only if the server does not know it. What the server refuses inside a script is data in the
//! script's reply, and becomes the error that the refused command has elsewhere (`refusal`). A reply of `renew.lua` and `finish.lua` repeats
//! the token that was sent, so that the reply to another command is not taken for it.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisResult, Script, ScriptInvocation,
    ServerErrorKind, Value,
};
use tokio::time::Instant;

use super::clock::Timed;
use super::failure::{Answer, Failure};
use super::lane::LaneKind;
use super::link::Link;
use super::multi::unjudged;
use super::protocol::{Ending, How, Protocol, Reply, Step, Target, holder, millis};
use super::{record, refusal};
use crate::store::{Acquire, Held, Take, Timestamp, Token};

/// The script in a file, as a `step` whose refusals are data.
macro_rules! script {
    ($file:literal) => {
        LazyLock::new(|| {
            let step = include_str!($file);
            let refusals = include_str!("refusals.lua");
            Script::new(&format!("local function step()\n{step}\nend\n{refusals}"))
        })
    };
}

static ACQUIRE: LazyLock<Script> = script!("acquire.lua");
static RENEW: LazyLock<Script> = script!("renew.lua");
static FINISH: LazyLock<Script> = script!("finish.lua");

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
    ) -> Step<'a, (Reply, Option<Timestamp>)> {
        Box::pin(async move {
            let Target { server, link, .. } = target;
            let with_time = !link.clock.is_known(link.clock.moment(Instant::now()));
            let script = acquire_script(target, request, with_time);
            server.ask_timed(link, async { Ok(read_acquired(run(&script, link).await?)?) }).await
        })
    }

    fn renew<'a>(&'a self, target: Target<'a>, token: Token, term: Duration) -> Step<'a, bool> {
        Box::pin(async move {
            let mut script = RENEW.prepare_invoke();
            script.key(target.key.lease_name()).key(target.key.hedge_name());
            script.arg(token.to_string()).arg(millis(term));
            let Target { server, link, .. } = target;
            let renewed = async { Ok(reply_to(token, run(&script, link).await?)?) };
            server.ask(link, LaneKind::Writes, renewed).await
        })
    }

    fn finish<'a>(
        &'a self,
        target: Target<'a>,
        tokens: &'a [Token],
        ending: &'a Ending,
    ) -> Step<'a, bool> {
        Box::pin(async move {
            let Some(first) = tokens.first() else { return Ok(false) };
            let mut script = FINISH.prepare_invoke();
            script
                .key(target.key.as_str())
                .key(target.key.lease_name())
                .key(target.key.hedge_name());
            let how = match ending.how {
                How::Store => "store",
                How::Mark => "mark",
                How::Postpone => "postpone",
                How::Release => "release",
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
            let Target { server, link, .. } = target;
            let finished = async { Ok(reply_to(*first, run(&script, link).await?)?) };
            server.ask(link, LaneKind::Writes, finished).await
        })
    }
}

/// A step on the lease or the hedge alone.
pub(super) enum LeaseStep<'a> {
    /// Removes it if it holds one of these tokens.
    Release(&'a [Token]),
    /// Prolongs it to this term if it holds this token.
    Renew(Token, Duration),
}

impl LeaseStep<'_> {
    /// Takes the step on the lease or hedge of this `name`. A node that was named by `ASK` is told so (`asking`).
    pub(super) async fn take(
        &self,
        target: Target<'_>,
        name: &str,
        asking: bool,
    ) -> Result<bool, Failure> {
        let (source, script, first) = match self {
            Self::Release(tokens) => {
                let Some(first) = tokens.first() else { return Ok(false) };
                let mut script = FINISH.prepare_invoke();
                // A release looks at no entry, and uses none of the five arguments.
                script.key(name).key(name).key(name).arg("release").arg(&[""; 5]).arg(0);
                for token in *tokens {
                    script.arg(token.to_string());
                }
                (&FINISH, script, *first)
            }
            Self::Renew(token, term) => {
                let mut script = RENEW.prepare_invoke();
                script.key(name).key(name).arg(token.to_string()).arg(millis(*term));
                (&RENEW, script, *token)
            }
        };
        let Target { server, link, .. } = target;
        let taken = async {
            let reply = if asking {
                let mut connection = link.writes.connection().await?;
                let asking = redis::cmd("ASKING");
                let mut replies = run_behind(&mut connection, &asking, &script, source).await?;
                refusal::accepted(replies.pop().unwrap_or_else(no_reply)?)?
            } else {
                run(&script, link).await?
            };
            Ok(reply_to(first, reply)?)
        };
        server.ask(link, LaneKind::Writes, taken).await
    }
}

/// Runs `script` over the lane of writes.
async fn run(script: &ScriptInvocation<'_>, link: &Link) -> Answer<Value> {
    let mut connection = link.writes.connection().await?;
    Ok(refusal::accepted(script.invoke_async(&mut *connection).await?)?)
}

/// As [`Protocol::acquire`], over a tracking connection: the server tells when a key that the script has
/// read changes.
pub(super) async fn acquire_tracked(
    tracking: &mut MultiplexedConnection,
    target: Target<'_>,
    request: &Acquire<'_>,
) -> RedisResult<Tracked> {
    let script = acquire_script(target, request, false);
    let mut caching = redis::cmd("CLIENT");
    caching.arg("CACHING").arg("YES");
    let mut answers = run_behind(tracking, &caching, &script, &ACQUIRE).await?;
    let reply = refusal::accepted(answers.pop().unwrap_or_else(no_reply)?)?;
    let is_told = answers.pop().is_some_and(|caching| caching.is_ok());
    let (reply, _) = read_acquired(reply)?;
    Ok(Tracked { reply, is_told })
}

/// Runs `script`, made of `source`, behind a command that holds for the next one only. Their replies come last.
async fn run_behind(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
    script: &ScriptInvocation<'_>,
    source: &Script,
) -> RedisResult<Vec<RedisResult<Value>>> {
    let both = |mut pipeline: Pipeline| {
        pipeline.add_command(command.clone()).invoke_script(script);
        pipeline
    };
    let replies: Vec<RedisResult<Value>> = both(unjudged()).query_async(connection).await?;
    if !matches!(replies.last(), Some(Err(error)) if error.kind() == NO_SCRIPT) {
        return Ok(replies);
    }
    let mut loaded = unjudged();
    loaded.load_script(source);
    both(loaded).query_async(connection).await
}

/// The answer to an acquire over a tracking connection.
pub(super) struct Tracked {
    pub(super) reply: Reply,
    /// Whether the server tells when what the script has read changes.
    pub(super) is_told: bool,
}

const NO_SCRIPT: ErrorKind = ErrorKind::Server(ServerErrorKind::NoScript);

fn no_reply() -> RedisResult<Value> {
    Err((ErrorKind::UnexpectedReturnType, "fewer replies than commands").into())
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

fn read_acquired(reply: Value) -> RedisResult<Timed<Reply>> {
    let reply = ScriptReply::from_redis_value(reply)?;
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
fn reply_to(token: Token, reply: Value) -> RedisResult<bool> {
    let (done, asked_by) = <(bool, String)>::from_redis_value(reply)?;
    if asked_by == token.to_string() {
        return Ok(done);
    }
    Err((ErrorKind::UnexpectedReturnType, "the reply to another request").into())
}
