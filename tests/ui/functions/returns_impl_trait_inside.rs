use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> Result<impl ToString, ()> {
    Ok(id.to_string())
}

fn main() {}
