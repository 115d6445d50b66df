use cachefence::cachefence;

#[derive(serde::Deserialize)]
struct User {
    id: u64,
}

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> User {
    User { id }
}

fn main() {}
