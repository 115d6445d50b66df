use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = "99999999999999d")]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
