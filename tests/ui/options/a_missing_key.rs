use cachefence::cachefence;

#[cachefence(ttl = 60)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
