use cachefence::cachefence;

#[async_trait::async_trait]
trait Users {
    async fn user(&self, id: u64) -> u64;
}

struct Table;

#[cachefence(key = "user:<id>", ttl = 60, skip(self))]
#[async_trait::async_trait]
impl Users for Table {
    async fn user(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
