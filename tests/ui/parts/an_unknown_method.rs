use cachefence::cachefence;

#[cachefence(key = "user:<id.as_text()>", ttl = 60)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
