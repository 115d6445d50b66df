use cachefence::cachefence;

#[cachefence(key = "user:<tenant><id>", ttl = 60)]
async fn user(tenant: u64, id: u64) -> u64 {
    tenant + id
}

fn main() {}
