//! The least that a cache on Redis can do: `GET` and a decode, on one multiplexed connection.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, AsyncConnectionConfig, Client};

use super::Subject;
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// Naive cache-aside: `GET`, and on a miss load and `SET`.
pub struct Floor {
    connection: MultiplexedConnection,
}

impl Floor {
    /// Connects to the server.
    pub async fn connect(url: &str) -> Self {
        let client = Client::open(url).expect("a URL of the harness");
        // The timeout is as long as that of the other subjects: 64 reads of 1 MiB at once may take more than half a second.
        let config =
            AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(5)));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        Self { connection: connection.expect("the server is up") }
    }
}

impl Subject for Floor {
    async fn get(&self, key: &str, lives: Lives, loader: &Arc<Loader>) -> Result<Profile, Failed> {
        let mut connection = self.connection.clone();
        let found: Option<Vec<u8>> =
            connection.get(key).await.map_err(|error| Failed(error.to_string()))?;
        if let Some(json) = found {
            return serde_json::from_slice(&json).map_err(|error| Failed(error.to_string()));
        }
        let value = loader.load(key).await?;
        let json = serde_json::to_vec(&value).map_err(|error| Failed(error.to_string()))?;
        let () = connection
            .set_ex(key, json, lives.ttl().as_secs())
            .await
            .map_err(|error| Failed(error.to_string()))?;
        Ok(value)
    }
}
