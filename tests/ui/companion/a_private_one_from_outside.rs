use cachefence::cachefence;

mod users {
    use super::cachefence;

    #[cachefence(key = "user:<id>", ttl = 60)]
    pub(self) async fn user(id: u64) -> u64 {
        id
    }
}

async fn forget(id: u64) {
    users::user_entry(id).invalidate().await.unwrap();
}

fn main() {}
