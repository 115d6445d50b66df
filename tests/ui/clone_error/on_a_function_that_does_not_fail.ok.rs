use cachefence::cachefence;

#[derive(Debug)]
struct Failed(u8);

#[cachefence(key = "k:<id>", ttl = 60, clone_error = |error: &Failed| Failed(error.0))]
async fn load(id: u64) -> Result<u64, Failed> {
    Ok(id)
}

fn main() {}
