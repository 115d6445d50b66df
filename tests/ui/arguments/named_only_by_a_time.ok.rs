use cachefence::cachefence;

use std::time::Duration;

#[cachefence(key = "user:<id>", ttl = ttl, skip(ttl))]
async fn user(ttl: Duration, id: u64) -> u64 {
    id + ttl.as_secs()
}

fn main() {}
