//! The same function with an attribute: the first request queries, and all others wait for its answer.

use cachefence::{CacheFence, cachefence};
use cachefence_examples::BoxError;
use cachefence_examples::database::{Db, Revenue};

/// Returns the revenue of a region by month, at most a minute old.
#[cachefence(key = "revenue:<region>", ttl = 60, skip(db))]
pub(crate) async fn revenue(db: &Db, region: &str) -> Result<Vec<Revenue>, rusqlite::Error> {
    db.revenue(region).await
}

/// Makes the cache that the attribute uses.
pub(crate) async fn install(redis: Option<&str>, namespace: &str) -> Result<(), BoxError> {
    let cache = match redis {
        Some(url) => CacheFence::builder().redis(url).namespace(namespace).build().await?,
        None => CacheFence::in_memory(),
    };
    Ok(cache.install()?)
}
