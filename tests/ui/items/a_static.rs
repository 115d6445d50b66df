use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
pub static USER: u64 = 1;

fn main() {}
