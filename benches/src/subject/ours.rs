//! cachefence's engine, on Redis or in memory.

use std::sync::Arc;
use std::time::Duration;

use cachefence::{CacheFence, Error, MemoryStore, Redis};

use super::Subject;
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// `CacheFence::get_or_set` with its defaults.
pub struct Ours(CacheFence);

impl Ours {
    /// A cache on Redis.
    pub async fn connect(redis: impl Into<Redis>) -> Self {
        Self(connect(redis).await)
    }

    /// A cache in memory of `entries` entries.
    pub fn in_memory(entries: usize) -> Self {
        Self(in_memory(entries))
    }
}

/// A cache on Redis with the library's defaults, except for `op_timeout`. Where 64 tasks read values of 1 MiB on one
/// core, the reads of every subject take longer than its default of 250 ms, after which the library does without its
/// store.
pub(super) async fn connect(redis: impl Into<Redis>) -> CacheFence {
    let builder = CacheFence::builder().redis(redis).op_timeout(Duration::from_secs(5));
    let cache = builder.namespace("ours").build().await;
    cache.expect("the server is up")
}

/// A cache in memory with the library's defaults, except for its size.
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
