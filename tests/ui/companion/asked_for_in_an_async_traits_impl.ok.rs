use async_trait::async_trait;
use cachefence::cachefence;

#[async_trait]
trait Users {
    async fn user(&self, id: u64) -> u64;
}

struct Table;

#[async_trait]
impl Users for Table {
    #[cachefence(key = "user:<id>", ttl = 60, skip(self))]
    async fn user(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
