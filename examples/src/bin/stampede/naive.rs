//! Cache-aside as it is usually written: every request that finds nothing goes to the database by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, AsyncConnectionConfig};

use crate::BoxError;
use crate::database::{Db, Revenue};

const TTL_SECONDS: u64 = 60;

/// One cached key and where it is stored.
#[derive(Clone)]
pub(crate) struct Naive {
    key: String,
    store: Store,
}

#[derive(Clone)]
enum Store {
    Memory(Arc<Mutex<HashMap<String, Vec<u8>>>>),
    Redis(MultiplexedConnection),
}

impl Naive {
    pub(crate) async fn new(redis: Option<&str>, key: String) -> Result<Self, BoxError> {
        let store = match redis {
            Some(url) => {
                // The default of half a second would fail requests that only wait for a busy processor.
                let config = AsyncConnectionConfig::new()
                    .set_response_timeout(Some(Duration::from_secs(10)));
                let client = redis::Client::open(url)?;
                Store::Redis(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            None => Store::Memory(Arc::default()),
        };
        Ok(Self { key, store })
    }

    /// Returns the revenue of a region by month, at most a minute old.
    pub(crate) async fn revenue(&self, db: &Db, region: &str) -> Result<Vec<Revenue>, BoxError> {
        if let Some(cached) = self.read().await? {
            return Ok(serde_json::from_slice(&cached)?);
        }
        let revenue = db.revenue(region).await?;
        self.write(serde_json::to_vec(&revenue)?).await?;
        Ok(revenue)
    }

    async fn read(&self) -> redis::RedisResult<Option<Vec<u8>>> {
        match &self.store {
            Store::Memory(map) => {
                Ok(map.lock().unwrap_or_else(PoisonError::into_inner).get(&self.key).cloned())
            }
            Store::Redis(connection) => connection.clone().get(&self.key).await,
        }
    }

    async fn write(&self, value: Vec<u8>) -> redis::RedisResult<()> {
        match &self.store {
            Store::Memory(map) => {
                map.lock().unwrap_or_else(PoisonError::into_inner).insert(self.key.clone(), value);
                Ok(())
            }
            Store::Redis(connection) => {
                connection.clone().set_ex(&self.key, value, TTL_SECONDS).await
            }
        }
    }

    /// Deletes the key.
    pub(crate) async fn delete(&self) -> redis::RedisResult<()> {
        match &self.store {
            Store::Memory(map) => {
                map.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
                Ok(())
            }
            Store::Redis(connection) => connection.clone().del(&self.key).await,
        }
    }
}
