use cachefence::cachefence;

#[derive(Clone)]
struct Service {
    db: u8,
}

impl Service {
    #[cachefence(key = "k:<id>", ttl = 60, detached, skip(self))]
    async fn load(&mut self, id: u64) -> u64 {
        id + u64::from(self.db)
    }
}

fn main() {}
