use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 1, beta = 1, skip(db), entry = true)]
async fn user(db: u64, id: u64) -> u64 {
    db + id
}

fn main() {}
