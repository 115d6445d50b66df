use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl_of = |_: &Option<u64>| std::time::Duration::from_secs(60))]
async fn get(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
