use cachefence::cachefence;

#[cachefence(key = "tile:<x.to_bits()>", ttl = 60)]
async fn tile(x: f64) -> f64 {
    x
}

fn main() {}
