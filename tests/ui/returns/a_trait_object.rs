use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> Box<dyn ToString> {
    Box::new(id)
}

fn main() {}
