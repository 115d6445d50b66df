//! The database's troubles. They stand in a table of the database itself, so that every process has them at once, and
//! they happen inside of the query, so that a slow one keeps its connection.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Error, Result};
use tokio::sync::Mutex;

/// The query of the demo: as [`REVENUE`](cachefence_examples::database::REVENUE), less its speed.
pub(crate) const TROUBLED_REVENUE: &str = "SELECT month, COUNT(*), SUM(cents)
    FROM orders JOIN customers ON customers.id = orders.customer
    WHERE region = ?1 AND (SELECT trouble(pause_ms, failing) FROM troubles)
    GROUP BY month ORDER BY month";

/// How long each query pauses: stands for the network and the disks of a database server.
pub(crate) const QUERY_PAUSE: Duration = Duration::from_millis(80);
/// How much longer while the database is slow.
const SLOWER: Duration = Duration::from_millis(1_500);

pub(crate) fn pause(slow: bool) -> Duration {
    if slow { QUERY_PAUSE + SLOWER } else { QUERY_PAUSE }
}

/// Teaches a connection the function `trouble`, which `SQLite` calls once for each query.
pub(crate) fn teach(connection: &Connection) -> Result<()> {
    connection.create_scalar_function("trouble", 2, FunctionFlags::SQLITE_UTF8, |context| {
        std::thread::sleep(Duration::from_millis(context.get(0)?));
        if context.get(1)? {
            return Err(Error::UserFunctionError("the database fails, as was asked for".into()));
        }
        Ok(true)
    })
}

/// The switches of the troubles, and the connection that writes to the database.
pub(crate) struct Troubles(Arc<Mutex<Connection>>);

impl Troubles {
    /// Adds the troubles to a database, all of them off. Blocks.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // Readers and the writer do not wait for each other.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.execute_batch("CREATE TABLE troubles (pause_ms INTEGER, failing INTEGER);")?;
        connection.execute("INSERT INTO troubles VALUES (?1, 0)", [milliseconds(pause(false))])?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    pub(crate) async fn set_slow(&self, slow: bool) -> Result<()> {
        let pause = milliseconds(pause(slow));
        self.run(move |db| db.execute("UPDATE troubles SET pause_ms = ?1", [pause])).await?;
        Ok(())
    }

    pub(crate) async fn set_failing(&self, failing: bool) -> Result<()> {
        self.run(move |db| db.execute("UPDATE troubles SET failing = ?1", [failing])).await?;
        Ok(())
    }

    /// Adds an order to the region; returns how many it has now.
    pub(crate) async fn add_order(&self, region: &'static str) -> Result<u64> {
        self.run(move |db| {
            db.execute(
                "INSERT INTO orders (customer, month, cents)
                    SELECT id, '2025-12', 4200 FROM customers WHERE region = ?1 LIMIT 1",
                [region],
            )?;
            db.query_row(
                "SELECT COUNT(*) FROM orders JOIN customers ON customers.id = orders.customer
                    WHERE region = ?1",
                [region],
                |row| row.get(0),
            )
        })
        .await
    }

    /// Runs a statement on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        statement: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.0).lock_owned().await;
        cachefence::blocking(move || statement(&connection)).await
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use cachefence_examples::database::{Db, generate};

    use super::{QUERY_PAUSE, TROUBLED_REVENUE, Troubles, teach};

    #[tokio::test]
    async fn a_query_pauses_once_fails_when_it_is_asked_to_and_is_counted() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("orders.sqlite");
        generate(&path, Duration::ZERO, |_| {}).expect("a database");
        let troubles = Troubles::new(&path).expect("troubles");
        let db = Db::open(&path, 1, TROUBLED_REVENUE, teach).expect("a connection");

        let start = Instant::now();
        let months = db.revenue("north").await.expect("an answer");
        assert_eq!(months.len(), 12);
        assert!(start.elapsed() >= QUERY_PAUSE);
        let orders: u64 = months.iter().map(|month| month.orders).sum();
        assert!(
            orders > 100,
            "a pause for each of {orders} orders would take {:?}",
            QUERY_PAUSE * 100
        );
        assert!(start.elapsed() < QUERY_PAUSE * 100);

        troubles.set_failing(true).await.expect("a write");
        let error = db.revenue("north").await.unwrap_err().to_string();
        assert!(error.contains("as was asked for"), "{error}");
        assert_eq!(db.queries(), 2);

        troubles.set_failing(false).await.expect("a write");
        assert_eq!(troubles.add_order("north").await, Ok(orders + 1));
        let months = db.revenue("north").await.expect("an answer");
        assert_eq!(months.iter().map(|month| month.orders).sum::<u64>(), orders + 1);
    }
}
