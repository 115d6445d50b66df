use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, cache = cache, skip(cache))]
async fn user(cache: &cachefence::CacheFence, id: u64) -> u64 {
    let _ = cache;
    id
}

fn main() {}
