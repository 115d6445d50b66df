use cachefence::cachefence;

struct Users;

impl Users {
    fn user_entry() {}

    #[cachefence(key = "user:<id>", ttl = 60, entry = false)]
    async fn user(id: u64) -> u64 {
        id
    }
}

fn main() {}
