//! An axum service that caches a query: in Redis if `REDIS_URL` is set, else in memory.
//!
//! ```sh
//! cargo run --bin axum-service        # also REDIS_URL=redis://127.0.0.1:6379, DATABASE=users.sqlite, ADDR=127.0.0.1:3000
//! curl localhost:3000/users/1                          # ann: loaded once, however many ask
//! curl -X PUT -d amy localhost:3000/users/1            # commits, then invalidates
//! curl localhost:3000/users/1                          # amy
//! curl localhost:3000/health localhost:3000/metrics    # what the cache says, to people and to Prometheus
//! ```
//!
//! The program prints its address, stops on Ctrl-C or SIGTERM, and then finishes what is under way.

use std::env::{self, VarError};
use std::{sync::Arc, time::Duration};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use cachefence::{BoxError, CacheFence, cachefence};
use metrics_exporter_prometheus::PrometheusBuilder;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::{ctrl_c, unix};
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;
use tower_http::timeout::TimeoutLayer;

/// The longest that a request may take.
const DEADLINE: Duration = Duration::from_secs(1);

#[derive(Clone, Serialize, Deserialize)]
struct User {
    id: i64,
    name: String,
}

/// The state of the service. Clones share the connection, the cache and the writes that are under way.
#[derive(Clone)]
struct App {
    db: Arc<Mutex<Connection>>,
    cache: CacheFence,
    writes: TaskTracker,
}

impl App {
    /// Reads a user. Loads are `detached`: one outlives the request that began it, so a request that runs out of time leaves
    /// its value to the next. The error is an `Arc`, so that all requests which waited for one load can have it.
    #[cachefence(key = "user:<id>", ttl = "5m", negative_ttl = "10s", cache = self.cache, detached, skip(self))]
    async fn user(&self, id: i64) -> Result<Option<User>, Arc<rusqlite::Error>> {
        const READ: &str = "SELECT name FROM users WHERE id = ?1";
        let name = self.query(move |db| db.query_row(READ, [id], |row| row.get(0)).optional());
        Ok(name.await?.map(|name| User { id, name }))
    }

    /// Saves a user: commits first, then invalidates what was read before. While Redis is down, the invalidation is sent
    /// again until it is up. If even that is refused, the write has been made all the same, so it does not fail.
    async fn save(&self, id: i64, name: String) -> rusqlite::Result<()> {
        const SAVE: &str = "INSERT OR REPLACE INTO users VALUES (?1, ?2)";
        self.query(move |db| db.execute(SAVE, (id, name))).await?;
        if let Err(error) = self.user_entry(id).invalidate_eventually().await {
            tracing::error!(%error, "a user may be served with the old name until the ttl ends");
        }
        Ok(())
    }

    /// Runs a query on a thread that may block.
    async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let db = Arc::clone(&self.db).lock_owned().await;
        cachefence::blocking(move || query(&db)).await
    }
}

async fn read(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<User>, StatusCode> {
    app.user(id).await.map_err(failed)?.map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn write(
    State(app): State<App>,
    Path(id): Path<i64>,
    name: String,
) -> Result<(), StatusCode> {
    // In a task, so that neither the deadline nor a client that leaves comes between commit and invalidation. The end of
    // the program waits for the task.
    let saved = app.writes.clone().spawn(async move { app.save(id, name).await });
    saved.await.map_err(failed)?.map_err(failed)
}

fn failed(error: impl Into<BoxError>) -> StatusCode {
    tracing::error!(error = error.into(), "a request failed");
    StatusCode::INTERNAL_SERVER_ERROR
}

/// The service works while its cache is down. So the answer is 200, and says how the cache is.
async fn health(State(app): State<App>) -> String {
    format!("cache: {}\n", app.cache.status().health)
}

/// A setting, from the environment.
fn setting(name: &str, default: &str) -> Result<String, VarError> {
    match env::var(name) {
        Err(VarError::NotPresent) => Ok(default.to_owned()),
        value => value,
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init(); // tells what goes wrong in the cache
    let buckets = [0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 5.0]; // seconds
    let metrics = PrometheusBuilder::new().set_buckets(&buckets)?.install_recorder()?;
    let upkeep = metrics.clone(); // else the recorder grows while nobody asks for the metrics
    tokio::spawn(async move {
        loop {
            sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });

    let op_timeout = Duration::from_millis(setting("REDIS_TIMEOUT_MS", "250")?.parse()?);
    let cache = CacheFence::builder().op_timeout(op_timeout);
    let cache = match setting("REDIS_URL", "")?.as_str() {
        "" => cache.in_memory(),
        url => cache.redis(url).namespace("axum-service"),
    };
    let cache = cache.build_lazy()?; // without I/O: the service starts although Redis is down
    let db = Connection::open(setting("DATABASE", ":memory:")?)?;
    db.busy_timeout(Duration::from_secs(60))?; // for a lock that another process holds
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         INSERT OR IGNORE INTO users VALUES (1, 'ann');",
    )?;
    let app = App { db: Arc::new(Mutex::new(db)), cache, writes: TaskTracker::new() };

    let router = Router::new()
        .route("/users/{id}", get(read).put(write))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, DEADLINE))
        .route("/health", get(health))
        .route("/metrics", get(async move || metrics.render()))
        .with_state(app.clone());
    let listener = TcpListener::bind(setting("ADDR", "127.0.0.1:3000")?).await?;
    println!("http://{}", listener.local_addr()?);

    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let stop = async move {
        tokio::select! { _ = ctrl_c() => {}, _ = terminate.recv() => {} }
    };
    axum::serve(listener, router).with_graceful_shutdown(stop).await?;
    app.writes.close();
    app.writes.wait().await; // those whose requests ran out of time
    Ok(app.cache.shutdown().await?) // waits for detached loads, sends pending invalidations
}
