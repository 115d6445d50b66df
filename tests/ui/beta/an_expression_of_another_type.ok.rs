use cachefence::cachefence;

const BETA: f32 = 2.0;

#[cachefence(key = "user:<id>", ttl = 60, beta = f64::from(BETA))]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
