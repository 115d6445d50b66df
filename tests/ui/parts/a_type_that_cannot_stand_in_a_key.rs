use cachefence::cachefence;

struct UserId(u64);

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: UserId) -> u64 {
    id.0
}

fn main() {}
