use cachefence::cachefence;

#[cachefence]
async fn user(id: u64) -> u64 {
    id
}

fn main() {}
