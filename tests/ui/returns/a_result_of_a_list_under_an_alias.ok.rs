use cachefence::cachefence;

#[derive(serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
}

type Answer<T> = Result<T, String>;

#[cachefence(key = "users:<id>", ttl = 60, entry = false)]
async fn users(id: u64) -> Answer<Vec<User>> {
    Ok(vec![User { id }])
}

fn main() {}
