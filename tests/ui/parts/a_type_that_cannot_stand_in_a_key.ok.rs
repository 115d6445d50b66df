use cachefence::cachefence;

struct UserId(u64);

#[cachefence(key = "user:<id.0>", ttl = 60)]
async fn user(id: UserId) -> u64 {
    id.0
}

fn main() {}
