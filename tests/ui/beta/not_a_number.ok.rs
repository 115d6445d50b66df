use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, beta = 1.0)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
