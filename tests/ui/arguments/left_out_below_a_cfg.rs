use cachefence::cachefence;

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64, #[cfg(not(any()))] tenant: &str, #[cfg(any())] region: &str) -> String {
    format!("{tenant} {id}")
}

fn main() {}
