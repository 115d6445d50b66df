//! The least that a cache on Redis can do: `GET` and a decode, on one multiplexed connection, or on the client's own
//! connection to a cluster.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncCommands as _, AsyncConnectionConfig, Client};

use super::Subject;
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// Naive cache-aside: `GET`, and on a miss load and `SET`.
pub struct Floor<C> {
    connection: C,
}

/// How long a reply may take, as with the other subjects: 64 reads of 1 MiB at once may take more than half a second.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Floor<MultiplexedConnection> {
    /// Connects to the server.
    pub async fn connect(url: &str) -> Self {
        let client = Client::open(url).expect("a URL of the harness");
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(TIMEOUT));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        Self { connection: connection.expect("the server is up") }
    }
}

impl Floor<ClusterConnection> {
    /// Connects to the cluster of the node at `url`.
    pub async fn connect_to_cluster(url: &str) -> Self {
        let client = ClusterClient::builder([url]).response_timeout(TIMEOUT).build();
        let connection = client.expect("a URL of the harness").get_async_connection().await;
        Self { connection: connection.expect("the cluster is up") }
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Subject for Floor<C> {
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
