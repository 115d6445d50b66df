use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
pub extern "C" fn user(id: u64) -> u64 {
    id
}

fn main() {}
