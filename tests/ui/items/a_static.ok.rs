use cachefence::cachefence;

pub static USER: u64 = 1;

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
