use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl = 60, detached, skip(db))]
async fn load(id: u64, db: &mut Vec<u8>) -> u64 {
    let _ = db;
    id
}

fn main() {}
