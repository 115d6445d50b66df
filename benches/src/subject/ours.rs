//! cachefence's engine, on Redis or in memory.

use std::sync::Arc;
use std::time::Duration;

use cachefence::{CacheFence, Error, MemoryStore};

use super::Subject;
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// `CacheFence::get_or_set` with its defaults.
pub struct Ours(CacheFence);

impl Ours {
    /// On Redis.
    pub async fn connect(url: &str) -> Self {
        Self(connect(url).await)
    }

    /// In memory, for so many entries.
    pub fn in_memory(entries: usize) -> Self {
        Self(in_memory(entries))
    }
}

/// A cache on Redis with its defaults, but for its patience: where 64 tasks read values of 1 MiB on one core, every
/// subject's reads take longer than the 250 ms after which this one does without its store.
pub(super) async fn connect(url: &str) -> CacheFence {
    let patient = CacheFence::builder().redis(url).op_timeout(Duration::from_secs(5));
    let cache = patient.namespace("ours").build().await;
    cache.expect("the server is up")
}

/// A cache in memory with its defaults, but for its size.
pub(super) fn in_memory(entries: usize) -> CacheFence {
    let store = MemoryStore::with_entries(entries);
    CacheFence::builder().store(store).build_lazy().expect("the options are constants")
}

impl Subject for Ours {
    async fn get(&self, key: &str, lives: Lives, loader: &Arc<Loader>) -> Result<Profile, Failed> {
        match self.0.get_or_set(key, lives.ttl(), || loader.load(key)).await {
            Ok(profile) => Ok(profile),
            Err(Error::Recompute(error)) => Err((*error).clone()),
            Err(error) => Err(Failed(error.to_string())),
        }
    }
}
