use cachefence::cachefence;
use serde::{Serialize, de::DeserializeOwned};

struct Repo<Item>(Item);

impl<Item: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> Repo<Item> {
    #[cachefence(key = "k:<id>", ttl = 60, skip(self))]
    async fn get(&self, id: u64) -> Option<Item> {
        Some(self.0.clone())
    }
}

fn main() {}
