//! The orders: the same ones on every run, as many as it takes for the query to be slow.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result, params};

use super::{REVENUE, query};

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

const CUSTOMERS: u64 = 1_000;
pub(super) const REGIONS: [&str; 4] = ["north", "east", "south", "west"];

/// The number of orders to begin with, and the most that are generated.
pub(super) const FIRST_ROWS: u64 = 1_000;
const MOST_ROWS: u64 = 5_000_000;

/// Fills a new file with orders until the query takes about `target`; returns their number and the time that the query
/// takes when nothing else runs. Calls `grown` with the number of orders. Blocks.
pub fn generate(path: &Path, target: Duration, grown: impl Fn(u64)) -> Result<(u64, Duration)> {
    let connection = &mut Connection::open(path)?;
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
        query(connection, REVENUE, REGIONS[0])?;
        *time = start.elapsed();
    }
    times.sort();
    Ok(times[1])
}
