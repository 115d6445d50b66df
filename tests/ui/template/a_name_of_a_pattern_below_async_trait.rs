use cachefence::cachefence;

#[async_trait::async_trait]
trait Sums {
    async fn sum(&self, pair: (u64, u64)) -> u64;
}

struct Table;

#[async_trait::async_trait]
impl Sums for Table {
    #[cachefence(key = "sum:<a>:<b>", ttl = 60, skip(self), entry = false)]
    async fn sum(&self, (a, b): (u64, u64)) -> u64 {
        a + b
    }
}

fn main() {}
