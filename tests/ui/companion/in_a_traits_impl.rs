use cachefence::cachefence;

trait Users {
    async fn user(id: u64) -> u64;
}

struct Table;

impl Users for Table {
    #[cachefence(key = "user:<id>", ttl = 60)]
    async fn user(id: u64) -> u64 {
        id
    }
}

fn main() {}
