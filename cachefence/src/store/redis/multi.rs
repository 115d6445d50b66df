//! A transaction: commands that the server runs together, or not at all.
//!
//! The client's own transactions tell of a refusal by `EXECABORT` alone, or take it for a broken connection. Here the
//! commands are sent one by one, so that each refusal is seen: the first of them is the error of the transaction.

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, Pipeline, RedisResult, ToRedisArgs, Value};

use super::protocol::millis;
use super::refusal;

use std::time::Duration;

/// The commands of a transaction.
pub(super) struct Transaction(Vec<Cmd>);

impl Transaction {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn add(&mut self, command: Cmd) {
        self.0.push(command);
    }

    pub(super) fn delete(&mut self, names: impl ToRedisArgs) {
        self.add(cmd("DEL", |del| del.arg(names)));
    }

    pub(super) fn set(&mut self, name: &str, value: &[u8], life: Duration) {
        self.add(cmd("SET", |set| set.arg(name).arg(value).arg("PX").arg(millis(life))));
    }

    /// Runs the transaction, in one round trip.
    pub(super) async fn run(self, connection: &mut impl ConnectionLike) -> RedisResult<Vec<Value>> {
        let mut pipeline = unjudged();
        begin(&mut pipeline);
        let count = self.end(&mut pipeline);
        let mut replies: Vec<RedisResult<Value>> = pipeline.query_async(connection).await?;
        if !replies.is_empty() {
            replies.remove(0)?;
        }
        // Without a watch nothing can come between.
        outcome(replies, count)?.ok_or_else(unusable)
    }

    /// Runs the transaction on a connection on which [`begin`] was answered, in one round trip. `None` if a watched key
    /// has changed, and nothing was done.
    pub(super) async fn run_begun(
        self,
        connection: &mut impl ConnectionLike,
    ) -> RedisResult<Option<Vec<Value>>> {
        let mut pipeline = unjudged();
        let count = self.end(&mut pipeline);
        outcome(pipeline.query_async(connection).await?, count)
    }

    /// Adds the commands and the end of the transaction to `pipeline`; how many commands there are.
    fn end(self, pipeline: &mut Pipeline) -> usize {
        let count = self.0.len();
        for command in self.0 {
            pipeline.add_command(command);
        }
        pipeline.cmd("EXEC");
        count
    }
}

/// Adds the beginning of a transaction to `pipeline`.
pub(super) fn begin(pipeline: &mut Pipeline) {
    pipeline.cmd("MULTI");
}

/// A pipeline that gives each reply for itself, whether a value or an error.
pub(super) fn unjudged() -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors();
    pipeline
}

/// What `count` commands have given, by the replies to their queueing and to `EXEC`; `None` if a watched key has changed.
fn outcome(mut replies: Vec<RedisResult<Value>>, count: usize) -> RedisResult<Option<Vec<Value>>> {
    let executed = replies.pop().unwrap_or_else(|| Err(unusable()));
    if replies.len() != count {
        return Err(unusable());
    }
    for reply in replies {
        // On a connection whose replies have slipped, this is the reply to another command.
        if reply? != Value::SimpleString("QUEUED".to_owned()) {
            return Err(unusable());
        }
    }
    match executed.map_err(|error| refusal::of_transaction(&error))?.extract_error()? {
        Value::Nil => Ok(None),
        Value::Array(replies) if replies.len() == count => Ok(Some(replies)),
        _ => Err(unusable()),
    }
}

fn unusable() -> redis::RedisError {
    (ErrorKind::UnexpectedReturnType, "the reply to another request").into()
}

/// The command of this name, with its arguments.
pub(super) fn cmd(name: &str, args: impl FnOnce(&mut Cmd) -> &mut Cmd) -> Cmd {
    let mut command = redis::cmd(name);
    args(&mut command);
    command
}
