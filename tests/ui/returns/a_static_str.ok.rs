use cachefence::cachefence;

#[cachefence(key = "name:<id>", ttl = 60)]
async fn name(id: u64) -> String {
    if id == 0 { "nobody".to_owned() } else { "somebody".to_owned() }
}

fn main() {}
