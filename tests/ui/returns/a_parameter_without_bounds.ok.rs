use cachefence::cachefence;

#[cachefence(key = "echo:<id>", ttl = 60, skip(value))]
async fn echo<T: serde::Serialize + serde::de::DeserializeOwned>(id: u64, value: T) -> T {
    let _ = id;
    value
}

fn main() {}
