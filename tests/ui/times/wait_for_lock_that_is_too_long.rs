use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, wait_for_lock = "104249992d")]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
