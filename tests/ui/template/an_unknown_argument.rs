use cachefence::cachefence;

#[cachefence(key = "user:<uid>", ttl = 60)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
