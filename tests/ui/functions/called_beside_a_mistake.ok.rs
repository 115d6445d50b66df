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

async fn both(users: &Users) -> u64 {
    users.user(1).await + users.user(2).await
}

fn main() {}
