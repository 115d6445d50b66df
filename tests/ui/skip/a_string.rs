use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, skip("db"))]
async fn user(db: &str, id: u64) -> String {
    format!("{db}:{id}")
}

fn main() {}
