use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
fn user(id: u64) -> impl Future<Output = u64> {
    async move { id }
}

fn main() {}
