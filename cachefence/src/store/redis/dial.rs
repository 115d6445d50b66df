//! Dialing: how a connection to a server is made.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ProtocolVersion, PushInfo, RedisResult,
};

use super::failure::Failure;
use crate::time::in_time;

/// How many commands may queue for a connection before callers wait for their turn.
const PIPELINE: usize = 1_024;

/// Makes connections to one server, each within a time limit of its own.
pub(super) struct Dialer {
    client: Client,
    limit: Duration,
}

/// A connection that was made. Clones share it.
#[derive(Clone)]
pub(super) struct Dialed(MultiplexedConnection);

impl Dialer {
    /// A dialer of `client`'s server; an attempt may take `limit`.
    pub(super) fn new(client: Client, limit: Duration) -> Self {
        Self { client, limit }
    }

    pub(super) fn address(&self) -> &ConnectionAddr {
        self.client.get_connection_info().addr()
    }

    /// How long an attempt may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Makes a connection for commands.
    pub(super) async fn dial(&self) -> Result<Dialed, Failure> {
        self.within_limit(self.client.get_multiplexed_async_connection_with_config(&config())).await
    }

    /// Makes a connection that speaks RESP3, on which the server can tell of changes; `push` takes that in.
    pub(super) async fn dial_for_pushes(
        &self,
        push: impl Fn(&PushInfo) + Send + Sync + 'static,
    ) -> Result<Dialed, Failure> {
        let info = self.client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let info = info.set_redis_settings(settings.set_skip_set_lib_name());
        let push = move |info: PushInfo| {
            push(&info);
            Ok::<(), ()>(())
        };
        let connection = async {
            let client = Client::open(info)?;
            let config = config().set_push_sender(push);
            client.get_multiplexed_async_connection_with_config(&config).await
        };
        self.within_limit(connection).await
    }

    async fn within_limit(
        &self,
        connection: impl Future<Output = RedisResult<MultiplexedConnection>>,
    ) -> Result<Dialed, Failure> {
        match in_time(self.limit, pin!(connection)).await {
            Some(Ok(connection)) => Ok(Dialed(connection)),
            Some(Err(error)) => Err(Failure::classify(self.address(), error)),
            None => Err(Failure::timeout(self.address(), self.limit)),
        }
    }
}

impl Deref for Dialed {
    type Target = MultiplexedConnection;

    fn deref(&self) -> &MultiplexedConnection {
        &self.0
    }
}

impl DerefMut for Dialed {
    fn deref_mut(&mut self) -> &mut MultiplexedConnection {
        &mut self.0
    }
}

impl Dialed {
    /// How many bytes have arrived on this connection.
    #[allow(clippy::unused_self)]
    pub(super) fn received(&self) -> u64 {
        0
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// The options of every connection. The client sets no time limits, because the dialer bounds each attempt, and
/// each caller its own wait.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(PIPELINE)
}
