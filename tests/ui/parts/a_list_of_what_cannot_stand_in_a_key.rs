use cachefence::cachefence;

struct UserId(u64);

#[cachefence(key = "users:<ids>", ttl = 60)]
async fn users(ids: &[UserId]) -> u64 {
    ids.iter().map(|id| id.0).sum()
}

fn main() {}
