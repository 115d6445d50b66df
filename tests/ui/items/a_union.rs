use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
pub union User {
    pub id: u64,
}

fn main() {}
