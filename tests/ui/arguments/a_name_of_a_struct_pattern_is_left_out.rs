use cachefence::cachefence;

struct User {
    id: u64,
    tenant: u64,
}

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(User { id, tenant }: User) -> u64 {
    id + tenant
}

fn main() {}
