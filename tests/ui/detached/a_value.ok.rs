use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl = 60, detached)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
