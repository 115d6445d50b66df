use cachefence::cachefence;

struct Db;

#[cachefence(key = "k:<id>", ttl = 60, detached, skip(db))]
async fn load(id: u64, db: &Db) -> u64 {
    let _ = db;
    id
}

fn main() {}
