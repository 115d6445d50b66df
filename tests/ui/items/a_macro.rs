use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
macro_rules! user {
    () => {};
}

user!();

fn main() {}
