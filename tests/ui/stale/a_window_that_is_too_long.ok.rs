use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60, stale_if_error = 4503599627370)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
