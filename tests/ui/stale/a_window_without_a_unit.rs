use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl = 60, stale_while_revalidate = "5")]
async fn get(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
