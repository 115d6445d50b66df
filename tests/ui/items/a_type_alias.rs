use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
pub type User = u64;

fn main() {}
