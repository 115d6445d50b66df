use cachefence::cachefence;

struct Users {
    cache: cachefence::CacheFence,
}

impl Users {
    #[cachefence(key = "user:<id>", ttl = 60, cache = self.cache)]
    async fn user(id: u64) -> u64 {
        id
    }
}

fn main() {}
