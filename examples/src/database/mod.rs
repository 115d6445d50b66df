//! A real database with a query that takes its time.

mod orders;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, OpenFlags, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

pub use self::orders::generate;
use crate::lock;

/// The query: the revenue of a region, by month.
///
/// Without white space at its ends: `SQLite` is given it trimmed, and reports it so.
pub const REVENUE: &str = "SELECT month, COUNT(*), SUM(cents)
    FROM orders JOIN customers ON customers.id = orders.customer
    WHERE region = ?1
    GROUP BY month ORDER BY month";

/// One row of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revenue {
    /// The month, such as `2025-11`.
    pub month: String,
    /// How many orders came in.
    pub orders: u64,
    /// Their sum.
    pub cents: u64,
}

/// A pool of connections to a database; a handle, cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Pool>);

struct Pool {
    query: &'static str,
    idle: Mutex<Vec<Connection>>,
    connections: usize,
    permits: Arc<Semaphore>,
    queries: Arc<AtomicU64>,
}

impl Db {
    /// Opens `connections` to a file that [`generate`] has filled, and prepares each by `setup`. `query` is what
    /// [`revenue`](Self::revenue) runs: [`REVENUE`], or another that answers alike. Blocks.
    pub fn open(
        path: &Path,
        connections: usize,
        query: &'static str,
        setup: impl Fn(&Connection) -> Result<()>,
    ) -> Result<Self> {
        let queries = Arc::new(AtomicU64::new(0));
        let open = |_| {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(path, flags)?;
            setup(&connection)?;
            count_queries(&mut connection, query, Arc::clone(&queries))?;
            Ok(connection)
        };
        let idle = (0..connections).map(open).collect::<Result<Vec<_>>>()?;
        let permits = Arc::new(Semaphore::new(connections));
        Ok(Self(Arc::new(Pool { query, idle: Mutex::new(idle), connections, permits, queries })))
    }

    /// Runs the query, when a connection is free.
    #[allow(clippy::missing_panics_doc)] // neither can happen
    pub async fn revenue(&self, region: &str) -> Result<Vec<Revenue>> {
        let pool = Arc::clone(&self.0);
        let region = region.to_owned();
        let permit = Arc::clone(&pool.permits).acquire_owned().await;
        cachefence::blocking(move || {
            // In here, so that it is held until the connection is back even if nobody waits any more.
            let _permit = permit.expect("the semaphore is never closed");
            let connection = lock(&pool.idle).pop().expect("a permit stands for a connection");
            let answer = query(&connection, pool.query, &region);
            lock(&pool.idle).push(connection);
            answer
        })
        .await
    }

    /// How often the query has run, by `SQLite`'s own account.
    pub fn queries(&self) -> u64 {
        self.0.queries.load(Ordering::Relaxed)
    }

    /// How many queries run now.
    pub fn running(&self) -> usize {
        self.0.connections - self.0.permits.available_permits()
    }
}

/// Has `SQLite` report every statement that it finishes.
fn count_queries(
    connection: &mut Connection,
    query: &'static str,
    queries: Arc<AtomicU64>,
) -> Result<()> {
    let count = move |event: TraceEvent<'_>| {
        if let TraceEvent::Profile(statement, _) = event
            && statement.sql() == query
        {
            queries.fetch_add(1, Ordering::Relaxed);
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(count))
}

fn query(connection: &Connection, query: &str, region: &str) -> Result<Vec<Revenue>> {
    let mut statement = connection.prepare_cached(query)?;
    let months = statement.query_map([region], |row| {
        Ok(Revenue { month: row.get(0)?, orders: row.get(1)?, cents: row.get(2)? })
    })?;
    months.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::orders::{FIRST_ROWS, REGIONS};
    use super::{Db, REVENUE, generate};

    #[tokio::test]
    async fn every_order_is_in_one_region_and_every_query_is_counted() {
        let (_dir, db) = database();
        assert_eq!(db.queries(), 0);
        let mut orders = 0;
        for region in REGIONS {
            let months = db.revenue(region).await.expect("an answer");
            assert_eq!(months.len(), 12);
            orders += months.iter().map(|month| month.orders).sum::<u64>();
        }
        assert_eq!(orders, FIRST_ROWS);
        assert_eq!((db.queries(), db.running()), (REGIONS.len() as u64, 0));
    }

    #[tokio::test]
    async fn two_databases_hold_the_same() {
        let ((_one_dir, one), (_two_dir, two)) = (database(), database());
        assert_eq!(one.revenue("east").await, two.revenue("east").await);
    }

    fn database() -> (TempDir, Db) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("orders.sqlite");
        generate(&path, Duration::ZERO, |_| {}).expect("a database");
        let db = Db::open(&path, 2, REVENUE, |_| Ok(())).expect("connections");
        (dir, db)
    }
}
