use cachefence::cachefence;

#[cachefence(key = "user:<tenant>:<id>", ttl = 60)]
async fn user(tenant: &str, id: u64) -> String {
    format!("{tenant}:{id}")
}

fn main() {}
