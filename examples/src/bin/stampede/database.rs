//! A real database with a query that takes its time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, OpenFlags, Result, params};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::sync::Semaphore;

const SCHEMA: &str = "
    PRAGMA journal_mode = MEMORY;
    PRAGMA synchronous = OFF;
    CREATE TABLE customers (id INTEGER PRIMARY KEY, region TEXT NOT NULL);
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY,
        customer INTEGER NOT NULL REFERENCES customers (id),
        month TEXT NOT NULL,
        cents INTEGER NOT NULL
    );";

/// Without white space at its ends: `SQLite` is given it trimmed, and reports it so.
const QUERY: &str = "SELECT month, COUNT(*), SUM(cents)
    FROM orders JOIN customers ON customers.id = orders.customer
    WHERE region = ?1
    GROUP BY month ORDER BY month";

const CUSTOMERS: u64 = 1_000;
const REGIONS: [&str; 4] = ["north", "east", "south", "west"];

/// The number of orders to begin with, and the most that are generated.
const FIRST_ROWS: u64 = 1_000;
const MOST_ROWS: u64 = 5_000_000;

/// One row of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Revenue {
    month: String,
    orders: u64,
    cents: u64,
}

/// A database with a pool of connections; a handle, cheap to clone.
#[derive(Clone)]
pub(crate) struct Db(Arc<Pool>);

struct Pool {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    queries: Arc<AtomicU64>,
    rows: u64,
    query_time: Duration,
    _dir: TempDir, // after the connections: deleted when they are closed
}

impl Db {
    /// Generates as many orders as it takes for the query to take about `query_time`, the same ones on every run,
    /// and opens `connections` to them. Calls `grown` with the number of orders. Blocks.
    pub(crate) fn generate(
        query_time: Duration,
        connections: usize,
        grown: impl Fn(u64),
    ) -> Result<Self, crate::BoxError> {
        let dir = tempfile::Builder::new().prefix("cachefence-stampede-").tempdir()?;
        let path = dir.path().join("orders.sqlite");
        let (rows, query_time) = grow(&mut Connection::open(&path)?, query_time, grown)?;

        let queries = Arc::new(AtomicU64::new(0));
        let open = |_| {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(&path, flags)?;
            count_queries(&mut connection, Arc::clone(&queries))?;
            Ok(connection)
        };
        let idle = (0..connections).map(open).collect::<Result<Vec<_>>>()?;
        Ok(Self(Arc::new(Pool {
            idle: Mutex::new(idle),
            permits: Arc::new(Semaphore::new(connections)),
            queries,
            rows,
            query_time,
            _dir: dir,
        })))
    }

    /// Runs the query, when a connection is free.
    pub(crate) async fn revenue(&self, region: &str) -> Result<Vec<Revenue>> {
        let pool = Arc::clone(&self.0);
        let region = region.to_owned();
        let permit = Arc::clone(&pool.permits).acquire_owned().await;
        cachefence::blocking(move || {
            // In here, so that it is held until the connection is back even if nobody waits any more.
            let _permit = permit.expect("the semaphore is never closed");
            let connection = pool.lock().pop().expect("a permit stands for a connection");
            let answer = query(&connection, &region);
            pool.lock().push(connection);
            answer
        })
        .await
    }

    /// How often the query has run, by `SQLite`'s own account.
    pub(crate) fn queries(&self) -> u64 {
        self.0.queries.load(Ordering::Relaxed)
    }

    /// How many orders there are.
    pub(crate) fn rows(&self) -> u64 {
        self.0.rows
    }

    /// How long one query takes when nothing else runs.
    pub(crate) fn query_time(&self) -> Duration {
        self.0.query_time
    }
}

impl Pool {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has `SQLite` report every statement that it finishes.
fn count_queries(connection: &mut Connection, queries: Arc<AtomicU64>) -> Result<()> {
    let count = move |event: TraceEvent<'_>| {
        if let TraceEvent::Profile(statement, _) = event
            && statement.sql() == QUERY
        {
            queries.fetch_add(1, Ordering::Relaxed);
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(count))
}

fn query(connection: &Connection, region: &str) -> Result<Vec<Revenue>> {
    let mut statement = connection.prepare_cached(QUERY)?;
    let months = statement.query_map([region], |row| {
        Ok(Revenue { month: row.get(0)?, orders: row.get(1)?, cents: row.get(2)? })
    })?;
    months.collect()
}

/// Adds orders until the query takes about `target`; returns their number and the time that it takes.
fn grow(
    connection: &mut Connection,
    target: Duration,
    grown: impl Fn(u64),
) -> Result<(u64, Duration)> {
    connection.execute_batch(SCHEMA)?;
    insert_customers(connection)?;
    let (mut rows, mut wanted) = (0, FIRST_ROWS);
    loop {
        insert_orders(connection, rows, wanted)?;
        rows = wanted;
        grown(rows);
        let time = query_time(connection)?;
        if time >= target.mul_f64(0.9) || rows == MOST_ROWS {
            return Ok((rows, time));
        }
        wanted = extrapolate(rows, time, target);
    }
}

/// Returns how many rows will take `target` if `rows` take `time`: more of them, but not wildly more.
fn extrapolate(rows: u64, time: Duration, target: Duration) -> u64 {
    let wanted = u128::from(rows) * target.as_nanos() / time.as_nanos().max(1);
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    wanted.clamp(rows + rows / 20, rows * 8).min(MOST_ROWS)
}

fn insert_customers(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare("INSERT INTO customers VALUES (?1, ?2)")?;
        for (id, region) in (0..CUSTOMERS).zip(REGIONS.iter().cycle()) {
            insert.execute(params![id, region])?;
        }
    }
    transaction.commit()
}

/// Inserts the orders from number `from` to below number `to`.
fn insert_orders(connection: &mut Connection, from: u64, to: u64) -> Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare("INSERT INTO orders VALUES (?1, ?2, ?3, ?4)")?;
        for id in from..to {
            let random = scramble(id);
            let month = format!("2025-{:02}", 1 + random % 12);
            insert.execute(params![
                id,
                (random >> 8) % CUSTOMERS,
                month,
                (random >> 32) % 100_000
            ])?;
        }
    }
    transaction.commit()
}

/// Returns a number that looks random, and is the same for the same `id` (splitmix64).
fn scramble(id: u64) -> u64 {
    let mut x = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Returns the median of three runs.
fn query_time(connection: &Connection) -> Result<Duration> {
    let mut times = [Duration::ZERO; 3];
    for time in &mut times {
        let start = Instant::now();
        query(connection, REGIONS[0])?;
        *time = start.elapsed();
    }
    times.sort();
    Ok(times[1])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Db, FIRST_ROWS, REGIONS};

    #[tokio::test]
    async fn every_order_is_in_one_region_and_every_query_is_counted() {
        let db = Db::generate(Duration::ZERO, 2, |_| {}).expect("a database");
        assert_eq!((db.rows(), db.queries()), (FIRST_ROWS, 0));
        let mut orders = 0;
        for region in REGIONS {
            let months = db.revenue(region).await.expect("an answer");
            assert_eq!(months.len(), 12);
            orders += months.iter().map(|month| month.orders).sum::<u64>();
        }
        assert_eq!(orders, FIRST_ROWS);
        assert_eq!(db.queries(), REGIONS.len() as u64);
    }

    #[tokio::test]
    async fn two_databases_hold_the_same() {
        let (one, two) = (generate(), generate());
        assert_eq!(one.revenue("east").await, two.revenue("east").await);
    }

    fn generate() -> Db {
        Db::generate(Duration::ZERO, 1, |_| {}).expect("a database")
    }
}
