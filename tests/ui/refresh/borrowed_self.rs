use std::sync::Arc;

use cachefence::cachefence;

struct Db;

impl Db {
    #[cachefence(key = "k", ttl = 60, refresh = "background", skip(self))]
    async fn get(&self) -> u64 {
        1
    }
}

fn main() {}
