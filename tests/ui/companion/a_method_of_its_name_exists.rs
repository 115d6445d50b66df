use cachefence::cachefence;

struct Users;

impl Users {
    fn user_entry() {}

    #[cachefence(key = "user:<id>", ttl = 60)]
    async fn user(id: u64) -> u64 {
        id
    }
}

fn main() {}
