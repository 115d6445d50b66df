use cachefence::cachefence;

use std::pin::Pin;

#[cachefence(key = "user:<id>", ttl = 60)]
fn user(id: u64) -> Pin<Box<dyn Future<Output = u64>>> {
    Box::pin(async move { id })
}

fn main() {}
