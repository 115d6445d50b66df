use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
pub use std::time::Duration;

fn main() {}
