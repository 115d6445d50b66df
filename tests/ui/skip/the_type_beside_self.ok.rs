use cachefence::cachefence;

struct Repo<T>(T);

impl<T> Repo<T> {
    #[cachefence(key = "row:<id>", ttl = 60, skip(self))]
    async fn row(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
