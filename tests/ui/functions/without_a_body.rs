use cachefence::cachefence;

trait Users {
    #[cachefence(key = "user:<id>", ttl = 60)]
    async fn user(id: u64) -> u64;
}

fn main() {}
