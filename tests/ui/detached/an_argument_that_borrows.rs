use cachefence::cachefence;

struct Name<'a>(&'a str);

#[cachefence(key = "k:<id>", ttl = 60, detached, skip(db))]
async fn load(id: u64, db: Name<'_>) -> u64 {
    let _ = db;
    id
}

fn main() {}
