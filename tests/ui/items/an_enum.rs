use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
pub enum User {
    Id(u64),
}

fn main() {}
