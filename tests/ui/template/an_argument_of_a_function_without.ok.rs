use cachefence::cachefence;

#[cachefence(key = "users", ttl = 60)]
async fn users() -> u64 {
    1
}

fn main() {}
