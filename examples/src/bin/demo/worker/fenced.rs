//! The fenced side: the query behind an attribute.

use std::fmt;
use std::sync::Arc;

use cachefence::cachefence;
use cachefence_examples::database::{Db, Revenue};

/// Returns the revenue of a region by month, at most five seconds old.
#[cachefence(
    key = "revenue:<region>",
    ttl = "5s",
    stale_if_error = "10m",
    lock_timeout = "1s",
    detached,
    skip(db)
)]
pub(crate) async fn revenue(db: &Db, region: &str) -> Result<Vec<Revenue>, QueryError> {
    Ok(db.revenue(region).await?)
}

/// An error of the database that all callers which waited for the query can be given.
#[derive(Clone, Debug)]
pub(crate) struct QueryError(Arc<rusqlite::Error>);

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for QueryError {}
