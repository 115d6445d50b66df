use cachefence::cachefence;

trait Load {}

#[cachefence(key = "k:<id>", ttl = 60, detached, skip(db))]
async fn load(id: u64, db: &std::sync::Arc<dyn Load + Send + Sync>) -> u64 {
    let _ = db;
    id
}

fn main() {}
