use cachefence::cachefence;

#[cachefence(key = "user:<ids.0>", ttl = 60)]
async fn user(ids: (u64, u64)) -> u64 {
    ids.0 + ids.1
}

fn main() {}
