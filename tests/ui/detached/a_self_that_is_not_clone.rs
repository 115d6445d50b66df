use cachefence::cachefence;

struct Service {
    db: u8,
}

impl Service {
    #[cachefence(key = "k:<id>", ttl = 60, detached, skip(self))]
    async fn load(&self, id: u64) -> u64 {
        id + u64::from(self.db)
    }
}

fn main() {}
