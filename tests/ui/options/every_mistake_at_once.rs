use cachefence::cachefence;

#[cachefence(key = "user:<idd>", ttl = 0, bta = 1, skip = db, entry = 2)]
async fn user(db: u64, id: u64) -> u64 {
    db + id
}

fn main() {}
