use cachefence::cachefence;

trait Table {
    const NAME: &'static str;
    fn name() -> &'static str;
}

#[cachefence(key = "row:<T::NAME>:<id>", ttl = 60)]
async fn row<T: Table>(id: u64) -> String {
    format!("{} {id}", T::name())
}

fn main() {}
