//! cachefence's attribute, on the installed cache.

use std::sync::Arc;

use cachefence::cachefence;

use super::{Subject, ours};
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// An annotated function.
pub struct OursAttribute;

impl OursAttribute {
    /// Installs a cache on Redis.
    pub async fn connect(url: &str) -> Self {
        ours::connect(url).await.install().expect("one cache per worker");
        Self
    }

    /// Installs a cache in memory of `entries` entries.
    pub fn in_memory(entries: usize) -> Self {
        ours::in_memory(entries).install().expect("one cache per worker");
        Self
    }
}

#[cachefence(key = "<key>", ttl = 3600, skip(loader))]
async fn for_an_hour(key: &str, loader: &Arc<Loader>) -> Result<Profile, Failed> {
    loader.load(key).await
}

#[cachefence(key = "<key>", ttl = 1, skip(loader))]
async fn for_a_second(key: &str, loader: &Arc<Loader>) -> Result<Profile, Failed> {
    loader.load(key).await
}

impl Subject for OursAttribute {
    async fn get(&self, key: &str, lives: Lives, loader: &Arc<Loader>) -> Result<Profile, Failed> {
        match lives {
            Lives::AnHour => for_an_hour(key, loader).await,
            Lives::ASecond => for_a_second(key, loader).await,
        }
    }
}
