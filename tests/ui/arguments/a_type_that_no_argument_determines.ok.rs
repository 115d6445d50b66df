use cachefence::cachefence;

#[cachefence(key = "number:<id>", ttl = 60, skip(T))]
async fn number<T: From<u8> + serde::Serialize + serde::de::DeserializeOwned>(id: u8) -> T {
    T::from(id)
}

fn main() {}
