use cachefence::{KeyPart, cachefence};

#[derive(KeyPart)]
union Number {
    whole: u32,
    real: f32,
}

#[cachefence(key = "half:<number>", ttl = 60)]
async fn half(number: Number) -> u64 {
    1
}

fn main() {}
