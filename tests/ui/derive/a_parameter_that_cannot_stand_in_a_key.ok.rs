use cachefence::{KeyPart, cachefence};

#[derive(KeyPart)]
struct Range<T> {
    from: T,
    to: T,
}

#[cachefence(key = "sum:<range>", ttl = 60)]
async fn sum(range: Range<i64>) -> u64 {
    1
}

fn main() {}
