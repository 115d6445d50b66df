//! Cache-aside as it is usually written: every request that finds nothing goes to the database by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands as _, RedisResult};

use crate::database::{Db, Revenue};
use crate::{BoxError, lock};

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
    json: Vec<u8>,
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
    pub async fn revenue(&self, db: &Db, region: &str) -> rusqlite::Result<Vec<Revenue>> {
        let key = self.key(region);
        if let Ok(Some(revenue)) = self.read(&key).await {
            return Ok(revenue);
        }
        let revenue = db.revenue(region).await?;
        let _ = self.write(&key, &revenue).await;
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

    async fn read(&self, key: &str) -> Result<Option<Vec<Revenue>>, BoxError> {
        let json: Option<Vec<u8>> = match &self.store {
            Store::Memory(map) => {
                let map = lock(map);
                let entry = map.get(key).filter(|entry| entry.expires > Instant::now());
                entry.map(|entry| entry.json.clone())
            }
            Store::Redis(connection) => connection.clone().get(key).await?,
        };
        Ok(json.map(|json| serde_json::from_slice(&json)).transpose()?)
    }

    async fn write(&self, key: &str, revenue: &[Revenue]) -> Result<(), BoxError> {
        let json = serde_json::to_vec(revenue)?;
        match &self.store {
            Store::Memory(map) => {
                let expires = Instant::now() + self.ttl;
                lock(map).insert(key.to_owned(), Entry { json, expires });
                Ok(())
            }
            Store::Redis(connection) => {
                let milliseconds = u64::try_from(self.ttl.as_millis())?;
                Ok(connection.clone().pset_ex(key, json, milliseconds).await?)
            }
        }
    }
}
