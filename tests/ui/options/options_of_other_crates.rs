use cachefence::cachefence;

#[cachefence(key = "user:<id>", time = 60, convert = "id")]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
