use cachefence::cachefence;

struct User {
    id: u64,
}

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> Option<User> {
    Some(User { id })
}

fn main() {}
