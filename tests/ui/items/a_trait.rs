use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
pub trait User {
    fn id(&self) -> u64;
}

fn main() {}
