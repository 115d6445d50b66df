use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> Box<str> {
    id.to_string().into()
}

fn main() {}
