use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, skip(db))]
async fn user(db: &str, id: u64) -> String {
    format!("{db}:{id}")
}

async fn forget(id: u64) {
    user_entry("db", id).invalidate().await.unwrap();
}

fn main() {}
