use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = "30m1h")]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
