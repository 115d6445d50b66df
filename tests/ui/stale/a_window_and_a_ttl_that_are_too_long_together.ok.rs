use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 9007199254739, stale_while_revalidate = 1)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
