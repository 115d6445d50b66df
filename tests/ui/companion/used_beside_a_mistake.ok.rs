use cachefence::cachefence;

#[cachefence(key = "user:<tenant>:<id>", ttl = 60, skip(db))]
async fn user(db: &str, tenant: &str, id: u64) -> Result<String, String> {
    Ok(format!("{db}:{tenant}:{id}"))
}

async fn forget(tenant: &str, id: u64) -> Option<String> {
    let entry = user_entry(tenant, id);
    entry.invalidate().await.unwrap();
    entry.peek().await.unwrap()
}

fn main() {}
