//! The least that a cache of bytes in memory can do: a lookup in `quick_cache` and a decode.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::Subject;
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// `get_or_insert_async`, which loads once for all callers that miss together. `quick_cache` has no ttl.
pub struct Quick(Cache<String, Arc<[u8]>>);

impl Quick {
    /// A cache of `entries` entries.
    pub fn with_entries(entries: usize) -> Self {
        Self(Cache::new(entries))
    }
}

impl Subject for Quick {
    async fn get(&self, key: &str, _: Lives, loader: &Arc<Loader>) -> Result<Profile, Failed> {
        let load = async {
            let value = loader.load(key).await?;
            let json = serde_json::to_vec(&value).map_err(|error| Failed(error.to_string()))?;
            Ok::<_, Failed>(Arc::from(json))
        };
        let json = match self.0.get(key) {
            Some(json) => json,
            None => self.0.get_or_insert_async(key, load).await?,
        };
        serde_json::from_slice(&json).map_err(|error| Failed(error.to_string()))
    }
}
