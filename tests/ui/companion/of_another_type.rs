use cachefence::cachefence;

type Answer<T> = Result<T, String>;

#[cachefence(key = "user:<id>", ttl = 60, entry = u32)]
async fn user(id: u64) -> Answer<u64> {
    Ok(id)
}

fn main() {}
