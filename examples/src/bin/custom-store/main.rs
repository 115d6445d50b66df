//! A store of your own: it holds the entries, and says who may load one.
//!
//! ```sh
//! cargo run --bin custom-store
//! ```
//!
//! The store is in `map_store.rs`. The program prints what two caches on one store do, and that the store keeps the contract
//! of `Store`, which `cachefence::testing` checks (feature `testing`).

mod map_store;

use std::sync::Arc;

use cachefence::{BoxError, CacheFence, cachefence, testing};

use self::map_store::MapStore;

#[cachefence(key = "answer", ttl = "1m", cache = cache, skip(cache))]
async fn answer(cache: &CacheFence) -> u32 {
    println!("   the body runs");
    42
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Two caches on one store, as two processes would be on one server.
    let store = Arc::new(MapStore::new());
    let here = CacheFence::builder().store(Arc::clone(&store)).build().await?;
    let there = CacheFence::builder().store(Arc::clone(&store)).build().await?;

    println!("1. The value that one cache loads is a hit in the other.");
    println!("   {} {}", answer(&here).await, answer(&there).await);

    println!("2. An invalidation in one is seen by the other.");
    answer_entry(&there).invalidate().await?;
    println!("   {:?}", answer_entry(&here).peek().await?);

    testing::store_contract(&*store).await; // panics, and names each promise that is broken
    println!("3. The store keeps the contract of `Store`.");
    Ok(())
}
