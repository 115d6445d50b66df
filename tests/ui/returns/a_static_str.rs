use cachefence::cachefence;

#[cachefence(key = "name:<id>", ttl = 60)]
async fn name(id: u64) -> &'static str {
    if id == 0 { "nobody" } else { "somebody" }
}

fn main() {}
