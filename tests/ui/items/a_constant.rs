use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
pub const USER: u64 = 1;

fn main() {}
