use cachefence::cachefence;

struct Users;

impl Users {
    const NAME: &str = "users";

    #[cachefence(key = "<Self::NAME>:<id>", ttl = 60, skip(Self))]
    async fn row(id: u64) -> u64 {
        id
    }
}

fn main() {}
