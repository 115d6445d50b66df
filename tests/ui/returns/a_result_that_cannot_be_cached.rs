use cachefence::cachefence;

struct User {
    id: u64,
}

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> Result<User, std::io::Error> {
    Ok(User { id })
}

fn main() {}
