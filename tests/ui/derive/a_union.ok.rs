use cachefence::{KeyPart, cachefence};

#[derive(KeyPart)]
enum Number {
    Whole(u32),
    Real([u8; 4]),
}

#[cachefence(key = "half:<number>", ttl = 60)]
async fn half(number: Number) -> u64 {
    1
}

fn main() {}
