use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user<I>(id: I) -> u64 {
    let _ = id;
    1
}

fn main() {}
