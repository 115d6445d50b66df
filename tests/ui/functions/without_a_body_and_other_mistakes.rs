use cachefence::cachefence;

trait Users {
    #[cachefence(key = "user:<uid>", ttl = 0)]
    async fn user(id: u64) -> u64;
}

fn main() {}
