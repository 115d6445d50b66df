use cachefence::cachefence;

#[async_trait::async_trait]
trait Users {
    async fn user(&self, tenant: &str, id: u64) -> String;
}

struct Table;

#[async_trait::async_trait]
impl Users for Table {
    #[cachefence(key = "user:<id>", ttl = 60, skip(self), entry = false)]
    async fn user(&self, tenant: &str, id: u64) -> String {
        format!("{tenant}:{id}")
    }
}

fn main() {}
