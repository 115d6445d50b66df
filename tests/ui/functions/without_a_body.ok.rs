use cachefence::cachefence;

trait Users {
    async fn user(id: u64) -> u64;
}

fn main() {}
