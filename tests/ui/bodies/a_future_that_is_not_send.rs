use cachefence::cachefence;

use std::rc::Rc;

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> u64 {
    let shared = Rc::new(id);
    std::future::ready(()).await;
    *shared
}

fn spawn(future: impl Future<Output = u64> + Send) {
    drop(future);
}

fn users() {
    spawn(user(1));
}

fn main() {}
