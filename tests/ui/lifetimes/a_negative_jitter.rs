use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl = 60, jitter = -0.1)]
async fn get(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
