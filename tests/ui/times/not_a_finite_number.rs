use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 1e999)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
