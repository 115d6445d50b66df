use cachefence::cachefence;

struct Tenant {
    id: u64,
}

impl Tenant {
    #[cachefence(key = "tenant:<self.id>", ttl = 60)]
    async fn double(&self) -> u64 {
        self.id * 2
    }
}

fn main() {}
