use cachefence::cachefence;
use serde::Serialize;
use serde::de::DeserializeOwned;

struct Table<Row>(Vec<Row>);

impl<Row: Clone + Serialize + DeserializeOwned> Table<Row> {
    #[cachefence(key = "row:<at>", ttl = 60, skip(self), entry = Row)]
    async fn row(&self, at: usize) -> Row {
        self.0[at].clone()
    }
}

fn main() {}
