//! `moka`, in memory: one load for all callers that miss together.

use std::sync::Arc;

use moka::future::Cache;

use super::Subject;
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// `try_get_with`. A cache of moka keeps the values themselves, and clones one for every hit.
pub struct Moka {
    for_an_hour: Cache<String, Profile>,
    for_a_second: Cache<String, Profile>,
}

impl Moka {
    /// Two caches of `entries` entries each, because a ttl belongs to a whole cache.
    pub fn with_entries(entries: usize) -> Self {
        Self {
            for_an_hour: cache(Lives::AnHour, entries),
            for_a_second: cache(Lives::ASecond, entries),
        }
    }
}

fn cache(lives: Lives, entries: usize) -> Cache<String, Profile> {
    Cache::builder().max_capacity(entries as u64).time_to_live(lives.ttl()).build()
}

impl Subject for Moka {
    async fn get(&self, key: &str, lives: Lives, loader: &Arc<Loader>) -> Result<Profile, Failed> {
        let cache = match lives {
            Lives::AnHour => &self.for_an_hour,
            Lives::ASecond => &self.for_a_second,
        };
        cache.try_get_with_by_ref(key, loader.load(key)).await.map_err(|error| (*error).clone())
    }
}
