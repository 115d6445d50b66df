use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, skip(state.db))]
async fn user(state: &str, id: u64) -> String {
    format!("{state}:{id}")
}

fn main() {}
