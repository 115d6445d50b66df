use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, version = 2)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
