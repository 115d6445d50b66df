use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl = 60, refresh = "background")]
async fn get(id: String) -> u64 {
    id.len() as u64
}

fn main() {}
