use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, beta = 2f32)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
