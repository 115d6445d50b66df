//! The shared connection: made when it is first needed, and made anew when it is lost.
//!
//! A task makes the connection, so that a caller which gives up does not stop the attempt of the others.
//! A command that fails is not sent again, because the server may have run it. The client's own
//! `ConnectionManager` does much the same, but passes each command through a shared future and a boxed
//! one, which would make a hit slower.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult,
    Value,
};
use tokio::sync::watch;

use crate::sync::lock;
use crate::time::detach;

/// How long an attempt to connect may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How many commands may queue for the shared connection before callers wait for their turn.
const PIPELINE: usize = 1_024;

/// The options of every connection. No response timeout is set, because each caller bounds its own wait.
pub(super) fn plain_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None)
}

/// A handle to the shared connection. A command that fails is not sent again.
#[derive(Clone)]
pub(super) struct Connection(Arc<Place>);

struct Place {
    client: Client,
    config: AsyncConnectionConfig,
    state: Mutex<State>,
    made: AtomicU64,
}

/// A connection that was made, and its number.
#[derive(Clone)]
struct Here {
    connection: MultiplexedConnection,
    number: u64,
}

enum State {
    Gone,
    /// A task is connecting. It goes on if the caller that started it does not.
    Connecting(Attempt),
    Here(Here),
}

/// The outcome of an attempt to connect, once there is one.
type Attempt = watch::Receiver<Option<RedisResult<Here>>>;

impl Connection {
    /// A connection that is not made yet.
    pub(super) fn new(client: Client) -> Self {
        let config = plain_config().set_pipeline_buffer_size(PIPELINE);
        let (state, made) = (Mutex::new(State::Gone), AtomicU64::new(0));
        Self(Arc::new(Place { client, config, state, made }))
    }

    /// Sends one command.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let Here { mut connection, number } = match self.here() {
            Ok(here) => here,
            // Boxed, because connecting is rare, and a hit should not carry its future.
            Err(attempt) => Box::pin(outcome(attempt)).await?,
        };
        // The client's own future is large. The client boxes it, so it is not moved again and again.
        let reply = connection.req_packed_command(command).await;
        if let Err(error) = &reply {
            self.0.failed(number, error);
        }
        reply
    }

    /// The connection, or the attempt to make it.
    fn here(&self) -> Result<Here, Attempt> {
        let mut state = self.0.state();
        match &*state {
            State::Here(here) => return Ok(here.clone()),
            // An attempt whose task is gone has no outcome.
            State::Connecting(attempt) if attempt.has_changed().is_ok() => {
                return Err(attempt.clone());
            }
            State::Connecting(_) | State::Gone => {}
        }
        let (tell, attempt) = watch::channel(None);
        *state = State::Connecting(attempt.clone());
        drop(state);
        let place = Arc::clone(&self.0);
        detach(async move {
            let Place { client, config, .. } = &*place;
            let connected = client.get_multiplexed_async_connection_with_config(config).await;
            let number = place.made.fetch_add(1, Ordering::Relaxed);
            let connected = connected.map(|connection| Here { connection, number });
            *place.state() = connected.clone().map_or(State::Gone, State::Here);
            tell.send_replace(Some(connected));
        });
        Err(attempt)
    }
}

async fn outcome(mut attempt: Attempt) -> RedisResult<Here> {
    let interrupted = || RedisError::from((ErrorKind::Io, "the attempt to connect ended early"));
    let outcome = attempt.wait_for(Option::is_some).await.map_err(|_| interrupted())?;
    outcome.clone().unwrap_or_else(|| Err(interrupted()))
}

impl Place {
    /// Lets the connection of this number go, if `error` says that it is lost.
    fn failed(&self, number: u64, error: &RedisError) {
        if !error.is_unrecoverable_error() {
            return;
        }
        let mut state = self.state();
        if matches!(&*state, State::Here(here) if here.number == number) {
            let gone = mem::replace(&mut *state, State::Gone);
            drop(state);
            drop(gone); // with the lock released
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(self.send(command))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let Here { mut connection, number } = match self.here() {
                Ok(here) => here,
                Err(attempt) => outcome(attempt).await?,
            };
            let replies = connection.send_packed_commands(pipeline, offset, count).await;
            if let Err(error) = &replies {
                self.0.failed(number, error);
            }
            replies
        })
    }

    fn get_db(&self) -> i64 {
        self.0.client.get_connection_info().redis_settings().db()
    }
}
