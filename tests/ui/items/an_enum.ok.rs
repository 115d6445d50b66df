use cachefence::cachefence;

pub enum User {
    Id(u64),
}

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
