use cachefence::cachefence;

struct User {
    id: u64,
}

#[cachefence(key = "user:{user.id}", ttl = 60)]
async fn user(user: &User) -> u64 {
    user.id
}

fn main() {}
