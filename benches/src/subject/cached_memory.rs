//! `cached`'s attribute in memory, with its protection against stampedes switched on.

use std::sync::Arc;

use cached::macros::cached;

use super::Subject;
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// An annotated function whose callers of one key run its body one after another.
pub struct CachedMemory;

// The size is a constant of the attribute: it is the `ENTRIES` of `Lab`.
#[cached(
    max_size = 10_000,
    ttl_secs = 3600,
    sync_writes = "by_key",
    key = "String",
    convert = { key.to_owned() }
)]
async fn for_an_hour(key: &str, loader: &Arc<Loader>) -> Result<Profile, Failed> {
    loader.load(key).await
}

#[cached(
    max_size = 10_000,
    ttl_secs = 1,
    sync_writes = "by_key",
    key = "String",
    convert = { key.to_owned() }
)]
async fn for_a_second(key: &str, loader: &Arc<Loader>) -> Result<Profile, Failed> {
    loader.load(key).await
}

impl Subject for CachedMemory {
    async fn get(&self, key: &str, lives: Lives, loader: &Arc<Loader>) -> Result<Profile, Failed> {
        match lives {
            Lives::AnHour => for_an_hour(key, loader).await,
            Lives::ASecond => for_a_second(key, loader).await,
        }
    }
}
