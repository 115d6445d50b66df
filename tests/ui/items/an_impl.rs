use cachefence::cachefence;

struct Users;

#[cachefence(key = "user:<id>", ttl = 60)]
impl Users {
    async fn user(id: u64) -> u64 {
        id
    }
}

fn main() {}
