use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, beta = f64::NAN)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
