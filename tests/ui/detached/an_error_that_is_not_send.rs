use cachefence::cachefence;

#[cachefence(key = "k:<id>", ttl = 60, detached)]
async fn load(id: u64) -> Result<u64, Box<dyn std::error::Error>> {
    Ok(id)
}

fn main() {}
