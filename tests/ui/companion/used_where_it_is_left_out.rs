use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, entry = false)]
async fn user(id: u64) -> u64 {
    id
}

async fn forget(id: u64) {
    user(id).await;
    user_entry(id).invalidate().await.unwrap();
}

fn main() {}
