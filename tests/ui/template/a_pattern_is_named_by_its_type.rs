use cachefence::cachefence;

struct Id(u64);

#[cachefence(key = "user:<Id.0>", ttl = 60)]
async fn user(Id(id): Id) -> u64 {
    id
}

fn main() {}
