use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 18446744073709551616)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
