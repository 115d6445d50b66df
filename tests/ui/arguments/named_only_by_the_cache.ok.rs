use cachefence::cachefence;

use cachefence::CacheFence;

#[cachefence(key = "user:<id>", ttl = 60, cache = cache, skip(cache))]
async fn user(cache: &CacheFence, id: u64) -> u64 {
    drop(cache.clone());
    id
}

fn main() {}
