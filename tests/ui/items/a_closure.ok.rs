use cachefence::cachefence;

fn users() {
    #[cachefence(key = "user:<id>", ttl = 60)]
    async fn user(id: u64) -> u64 {
        id
    }
    drop(user(1));
}

fn main() {}
