//! Cache-aside as it is usually written: every request that finds nothing goes to the database by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands as _, RedisResult};

use crate::BoxError;
use crate::database::{Db, Revenue};

/// A cache for revenues, and where it is stored.
#[derive(Clone)]
pub struct Naive {
    namespace: String,
    ttl: Duration,
    store: Store,
}

#[derive(Clone)]
enum Store {
    Memory(Arc<Mutex<HashMap<String, Entry>>>),
    Redis(ConnectionManager),
}

struct Entry {
    value: Vec<u8>,
    expires: Instant,
}

impl Naive {
    /// Caches in this Redis, or else in memory. Connects at the first request. Needs a runtime.
    pub fn new(redis: Option<&str>, namespace: &str, ttl: Duration) -> RedisResult<Self> {
        let store = match redis {
            Some(url) => {
                let config = ConnectionManagerConfig::new()
                    // The default of half a second would fail requests that only wait for a busy processor.
                    .set_response_timeout(Some(Duration::from_secs(10)))
                    // A request that finds no server does not wait for one.
                    .set_number_of_retries(0);
                Store::Redis(redis::Client::open(url)?.get_connection_manager_lazy(config)?)
            }
            None => Store::Memory(Arc::default()),
        };
        Ok(Self { namespace: namespace.to_owned(), ttl, store })
    }

    /// Returns the revenue of a region by month. A cache that does not answer is no reason to fail.
    pub async fn revenue(&self, db: &Db, region: &str) -> Result<Vec<Revenue>, BoxError> {
        let key = self.key(region);
        if let Ok(Some(cached)) = self.read(&key).await {
            return Ok(serde_json::from_slice(&cached)?);
        }
        let revenue = db.revenue(region).await?;
        let _ = self.write(key, serde_json::to_vec(&revenue)?).await;
        Ok(revenue)
    }

    /// Deletes the entry of a region.
    pub async fn delete(&self, region: &str) -> RedisResult<()> {
        let key = self.key(region);
        match &self.store {
            Store::Memory(map) => {
                lock(map).remove(&key);
                Ok(())
            }
            Store::Redis(connection) => connection.clone().del(key).await,
        }
    }

    fn key(&self, region: &str) -> String {
        format!("{}:revenue:{region}", self.namespace)
    }

    async fn read(&self, key: &str) -> RedisResult<Option<Vec<u8>>> {
        match &self.store {
            Store::Memory(map) => {
                let map = lock(map);
                let entry = map.get(key).filter(|entry| entry.expires > Instant::now());
                Ok(entry.map(|entry| entry.value.clone()))
            }
            Store::Redis(connection) => connection.clone().get(key).await,
        }
    }

    async fn write(&self, key: String, value: Vec<u8>) -> RedisResult<()> {
        match &self.store {
            Store::Memory(map) => {
                let expires = Instant::now() + self.ttl;
                lock(map).insert(key, Entry { value, expires });
                Ok(())
            }
            Store::Redis(connection) => {
                connection.clone().set_ex(key, value, self.ttl.as_secs()).await
            }
        }
    }
}

fn lock(map: &Mutex<HashMap<String, Entry>>) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}
