//! A repository behind a trait of `#[async_trait]`: one implementation reads a table, another caches what any of them reads.
//!
//! ```sh
//! cargo run --bin repository
//! ```
//!
//! The program prints each answer, and a line `query` whenever the inner repository is asked.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use async_trait::async_trait;
use cachefence::{BoxError, CacheFence, cachefence};

/// What the service knows of its storage.
#[async_trait]
trait Users: Send + Sync {
    async fn name(&self, id: u64) -> io::Result<Option<String>>;
    async fn rename(&self, id: u64, name: &str) -> io::Result<()>;
    async fn count(&self) -> io::Result<usize>;
}

/// Stands for a database.
#[derive(Default)]
struct Table(Mutex<BTreeMap<u64, String>>);

#[async_trait]
impl Users for Table {
    async fn name(&self, id: u64) -> io::Result<Option<String>> {
        println!("   query: name of {id}");
        Ok(self.0.lock().unwrap().get(&id).cloned())
    }

    async fn rename(&self, id: u64, name: &str) -> io::Result<()> {
        self.0.lock().unwrap().insert(id, name.to_owned());
        Ok(())
    }

    async fn count(&self) -> io::Result<usize> {
        println!("   query: count");
        Ok(self.0.lock().unwrap().len())
    }
}

/// Any repository, cached.
struct Cached<R> {
    inner: R,
    cache: CacheFence,
}

/// A value that is to be invalidated is cached here, because the attribute makes the companion, `cached_name_entry`, beside
/// the function. In an `impl Users for ..` no other method may stand.
impl<R: Users> Cached<R> {
    #[cachefence(key = "user-name:<id>", ttl = "5m", cache = self.cache, skip(self))]
    async fn cached_name(&self, id: u64) -> io::Result<Option<String>> {
        self.inner.name(id).await
    }
}

#[async_trait]
impl<R: Users> Users for Cached<R> {
    async fn name(&self, id: u64) -> io::Result<Option<String>> {
        self.cached_name(id).await
    }

    /// Renames first, then invalidates. If even a later invalidation is refused, the renaming has been made all the same, so it
    /// does not fail.
    async fn rename(&self, id: u64, name: &str) -> io::Result<()> {
        self.inner.rename(id, name).await?;
        if let Err(error) = self.cached_name_entry(id).invalidate_eventually().await {
            tracing::error!(%error, "a user may be greeted by the old name until the ttl ends");
        }
        Ok(())
    }

    /// Needs no companion: nothing invalidates the count, which may be ten seconds old.
    #[cachefence(key = "user-count", ttl = "10s", cache = self.cache, skip(self))]
    async fn count(&self) -> io::Result<usize> {
        self.inner.count().await
    }
}

/// A part of the service. It does not know whether the repository caches.
async fn greeting(users: &dyn Users, id: u64) -> io::Result<String> {
    let name = users.name(id).await?.unwrap_or_else(|| "stranger".to_owned());
    Ok(format!("hello {name}, one of {}", users.count().await?))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let table = Table::default();
    table.rename(1, "ann").await?;
    let users = Cached { inner: table, cache: CacheFence::in_memory() };

    println!("1. The first greeting asks the table, the second does not.");
    println!("   {}", greeting(&users, 1).await?);
    println!("   {}", greeting(&users, 1).await?);

    println!("2. After a renaming the name is read anew. The count is still good.");
    users.rename(1, "amy").await?;
    println!("   {}", greeting(&users, 1).await?);
    Ok(())
}
