use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl_of = |_: &String| std::time::Duration::from_secs(1))]
async fn get(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
