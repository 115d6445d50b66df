//! `cached`'s attribute for a shared store, on Redis.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cached::AsyncRedisCache;
use cached::macros::concurrent_cached;

use super::Subject;
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

static URL: OnceLock<String> = OnceLock::new();

/// An annotated function.
pub struct CachedAttribute;

impl CachedAttribute {
    /// Keeps the URL of the server, because the attribute connects at its first call.
    pub fn at(url: &str) -> Self {
        URL.set(url.to_owned()).expect("one server per worker");
        Self
    }
}

async fn store(prefix: &str, ttl: Duration) -> AsyncRedisCache<String, Profile> {
    AsyncRedisCache::builder(prefix)
        .ttl(ttl)
        .connection_string(URL.get().expect("it is set before the first call"))
        .build()
        .await
        .expect("the server is up")
}

#[concurrent_cached(
    map_error = r"|error| Failed(error.to_string())",
    ty = "AsyncRedisCache<String, Profile>",
    create = r#"{ store("hour", Lives::AnHour.ttl()).await }"#,
    key = "String",
    convert = r"{ key.to_owned() }"
)]
async fn for_an_hour(key: &str, loader: &Arc<Loader>) -> Result<Profile, Failed> {
    loader.load(key).await
}

#[concurrent_cached(
    map_error = r"|error| Failed(error.to_string())",
    ty = "AsyncRedisCache<String, Profile>",
    create = r#"{ store("second", Lives::ASecond.ttl()).await }"#,
    key = "String",
    convert = r"{ key.to_owned() }"
)]
async fn for_a_second(key: &str, loader: &Arc<Loader>) -> Result<Profile, Failed> {
    loader.load(key).await
}

impl Subject for CachedAttribute {
    async fn get(&self, key: &str, lives: Lives, loader: &Arc<Loader>) -> Result<Profile, Failed> {
        match lives {
            Lives::AnHour => for_an_hour(key, loader).await,
            Lives::ASecond => for_a_second(key, loader).await,
        }
    }
}
