use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
pub struct User {
    pub id: u64,
}

fn main() {}
