use cachefence::cachefence;
use serde::Serialize;
use serde::de::DeserializeOwned;

type Answer<T> = Result<T, String>;

#[cachefence(key = "row:<id>", ttl = 60, skip(T))]
async fn row<T: Serialize + DeserializeOwned + From<u64>>(id: u64) -> Answer<T> {
    Ok(T::from(id))
}

fn main() {}
