use cachefence::cachefence;

#[allow(unused_imports)]
use std::time::Duration;

const TTL: u64 = 60;

#[cachefence(key = "user:<id>", ttl = TTL)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
