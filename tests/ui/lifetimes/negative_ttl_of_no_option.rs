use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl = 60, negative_ttl = 5)]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
