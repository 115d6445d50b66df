use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl_of = 60)]
async fn get(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
