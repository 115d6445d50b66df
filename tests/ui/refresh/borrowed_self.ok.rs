use std::sync::Arc;

use cachefence::cachefence;

struct Db;

impl Db {
    #[cachefence(key = "k", ttl = 60, refresh = "background", skip(self))]
    async fn get(self: Arc<Self>) -> u64 {
        1
    }
}

fn main() {}
