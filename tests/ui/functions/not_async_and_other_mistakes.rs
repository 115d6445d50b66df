use cachefence::cachefence;

#[cachefence(key = "user:<uid>", ttl = 0)]
fn user(id: u64) -> u64 {
    id
}

fn main() {}
