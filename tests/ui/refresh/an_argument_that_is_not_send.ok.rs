use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl = 60, refresh = "background")]
async fn get(id: std::sync::Arc<u64>) -> u64 {
    *id
}

fn main() {}
