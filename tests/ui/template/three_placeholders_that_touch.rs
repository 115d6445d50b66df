use cachefence::cachefence;

#[cachefence(key = "user:<a><b>_<c>", ttl = 60)]
async fn user(a: u64, b: u64, c: u64) -> u64 {
    a + b + c
}

fn main() {}
