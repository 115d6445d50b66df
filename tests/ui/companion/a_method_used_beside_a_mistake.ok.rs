use cachefence::cachefence;

struct Users {
    tenant: u64,
}

impl Users {
    #[cachefence(key = "user:<self.tenant>:<id>", ttl = 60)]
    async fn user(&self, id: u64) -> u64 {
        self.tenant + id
    }
}

async fn forget(users: &Users, id: u64) -> Option<u64> {
    let entry = users.user_entry(id);
    entry.invalidate().await.unwrap();
    entry.peek().await.unwrap()
}

fn main() {}
