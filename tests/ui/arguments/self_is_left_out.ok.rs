use cachefence::cachefence;

struct Tenant {
    name: String,
}

impl Tenant {
    #[cachefence(key = "user:<self.name>:<id>", ttl = 60)]
    async fn user(&self, id: u64) -> String {
        format!("{}:{id}", self.name)
    }
}

fn main() {}
