//! `hitbox`'s attribute for functions, on Redis, with its protection against stampedes turned on.

use std::sync::Arc;

use hitbox::concurrency::BroadcastConcurrencyManager;
use hitbox::policy::{ConcurrencyLimit, PolicyConfig};
use hitbox_backend::PassthroughCompressor;
use hitbox_backend::format::JsonFormat;
use hitbox_core::DisabledOffload;
use hitbox_fn::{Cache, cached};
use hitbox_redis::{ConnectionMode, RedisBackend};

use super::Subject;
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

type Backend = RedisBackend<JsonFormat, PassthroughCompressor>;
type Single = BroadcastConcurrencyManager<Result<Profile, Failed>>;

/// An annotated function and the caches that it is called with.
pub struct HitboxFunction {
    for_an_hour: Cache<Backend, Single, DisabledOffload>,
    for_a_second: Cache<Backend, Single, DisabledOffload>,
}

impl HitboxFunction {
    /// Makes the caches, each of which connects at its first call.
    pub fn at(url: &str) -> Self {
        Self { for_an_hour: cache(url, Lives::AnHour), for_a_second: cache(url, Lives::ASecond) }
    }
}

fn cache(url: &str, lives: Lives) -> Cache<Backend, Single, DisabledOffload> {
    let backend = RedisBackend::builder()
        .connection(ConnectionMode::single(url))
        .value_format(JsonFormat)
        .build()
        .expect("a URL of the harness");
    let one = ConcurrencyLimit::new(1).expect("one is within its bounds");
    Cache::builder()
        .backend(backend)
        .policy(PolicyConfig::builder().ttl(lives.ttl()).concurrency(one).build())
        .concurrency_manager(BroadcastConcurrencyManager::new())
        .build()
}

#[cached(prefix = "profile", skip(loader))]
async fn profile(key: String, loader: Arc<Loader>) -> Result<Profile, Failed> {
    loader.load(&key).await
}

impl Subject for HitboxFunction {
    async fn get(&self, key: &str, lives: Lives, loader: &Arc<Loader>) -> Result<Profile, Failed> {
        let cache = match lives {
            Lives::AnHour => &self.for_an_hour,
            Lives::ASecond => &self.for_a_second,
        };
        profile(key.to_owned(), Arc::clone(loader)).cache(cache).await
    }
}
