//! The attribute, in memory: hits, shared loads, cached absence, the companion, and the cache's own counts.
//!
//! ```sh
//! cargo run --bin attribute
//! ```
//!
//! The program prints each call's answer, and a line `query` whenever the body runs.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use cachefence::{BoxError, CacheFence, cachefence};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct User {
    name: String,
}

/// Stands for a database.
struct Db(Mutex<BTreeMap<u64, User>>);

impl Db {
    async fn select(&self, id: u64) -> io::Result<Option<User>> {
        println!("   query: user {id}");
        tokio::task::yield_now().await; // other calls come meanwhile
        Ok(self.0.lock().unwrap().get(&id).cloned())
    }

    fn update(&self, id: u64, name: &str) {
        let user = User { name: name.to_owned() };
        self.0.lock().unwrap().insert(id, user);
    }
}

/// A user is kept for five minutes, and for ten seconds that there is none. `db` does not change the result, so it stands
/// in `skip`; an argument that stands neither there nor in the key does not compile.
#[cachefence(key = "user:<id>", ttl = "5m", negative_ttl = "10s", skip(db))]
async fn find_user(db: &Db, id: u64) -> io::Result<Option<User>> {
    db.select(id).await
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let cache = CacheFence::in_memory(); // or CacheFence::connect("redis://127.0.0.1:6379").await?
    cache.install()?; // for all functions that name no cache
    let db = Db(Mutex::default());
    db.update(1, "ann");
    db.update(2, "bob");

    println!("1. A miss runs the body. The next call is a hit.");
    println!("   {:?}", find_user(&db, 1).await?);
    println!("   {:?}", find_user(&db, 1).await?);

    println!("2. Callers that miss at the same time share one load.");
    let (a, b, c) = tokio::join!(find_user(&db, 2), find_user(&db, 2), find_user(&db, 2));
    println!("   {:?}", [a?, b?, c?].map(|user| user.map(|user| user.name)));

    println!("3. A user who does not exist is cached too, for `negative_ttl`.");
    println!("   {:?}, {:?}", find_user(&db, 3).await?, find_user(&db, 3).await?);
    if let Some(found) = find_user_entry(3).inspect().await? {
        println!("   valid for {:.0?}", found.remaining_ttl);
    }

    println!("4. The companion is the entry that a call reads. It runs no body.");
    let entry = find_user_entry(1);
    println!("   {} holds {:?}", entry.key(), entry.peek().await?.flatten());

    println!("5. After a write, `invalidate`: later calls see it.");
    db.update(1, "amy");
    entry.invalidate().await?;
    println!("   {:?}", find_user(&db, 1).await?);

    let stats = cache.stats();
    println!("6. The cache has counted {} calls:", stats.requests.total());
    println!("   {} hits, {} shared loads", stats.requests.hit, stats.requests.joined);
    println!("   {} bodies ran, {} values stored", stats.loads.total(), stats.loads.stored);
    Ok(())
}
