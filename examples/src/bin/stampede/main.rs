//! A stampede on a real database: many requests at once for one cold key, first through a plain cache-aside, then
//! through a function with `#[cachefence(..)]`.
//!
//! ```text
//! cargo run --release --bin stampede
//! ```

mod args;
mod cached;
mod load;
mod progress;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use cachefence_examples::database::{self, Db, REVENUE, Revenue};
use cachefence_examples::naive::Naive;
use cachefence_examples::{BoxError, namespace, one_line};
use tempfile::TempDir;

use crate::args::{Args, Command, USAGE};
use crate::load::Run;
use crate::progress::Progress;
use crate::report::{Report, Side};

/// What every request asks for.
const REGION: &str = "north";

/// How long the naive half keeps an answer; as long as the other.
const TTL: Duration = Duration::from_secs(60);

/// How long the naive half may take; the time of one query is chosen to fit.
const NAIVE_BUDGET: Duration = Duration::from_secs(6);

/// The longest query that is generated.
const LONGEST_QUERY: Duration = Duration::from_millis(30);

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Command::parse(lexopt::Parser::from_env()) {
        Ok(Command::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Command::Run(args)) => args,
        Err(error) => {
            eprint!("stampede: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let progress = Progress::new();
    let report = run(&args, progress).await;
    progress.clear();
    match report {
        Ok(report) if args.json => println!("{}", report.json()),
        Ok(report) => print!("{report}"),
        Err(error) => {
            eprintln!("stampede: {}", one_line(error.as_ref()));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn run(args: &Args, progress: Progress) -> Result<Report, BoxError> {
    let namespace = namespace("stampede");
    let redis = args.redis.as_deref();
    cached::install(redis, &namespace).await?;
    let naive = Naive::new(redis, &format!("{namespace}:naive"), TTL)?;

    let dir = tempfile::Builder::new().prefix("cachefence-stampede-").tempdir()?;
    let db = database(&dir, args.requests, progress).await?;
    let report = compare(&db, &naive, args, progress).await;
    // Both, and also after a failure: nothing stays on the server.
    let deleted = (naive.delete(REGION).await, cached::revenue_entry(REGION).invalidate().await);
    let report = report?;
    deleted.0?;
    deleted.1?;
    Ok(report)
}

/// A database whose query is as slow as the naive half can afford.
struct Database {
    db: Db,
    rows: u64,
    query_time: Duration,
}

async fn database(
    dir: &TempDir,
    requests: usize,
    progress: Progress,
) -> Result<Database, BoxError> {
    let parallel = std::thread::available_parallelism()?.get().min(16);
    let affordable = NAIVE_BUDGET * u32::try_from(parallel)? / u32::try_from(requests)?;
    let target = affordable.min(LONGEST_QUERY);
    let path = dir.path().join("orders.sqlite");
    let open = move || -> Result<Database, BoxError> {
        let (rows, query_time) = database::generate(&path, target, |rows| {
            progress.show(&format!("generating {rows} rows"));
        })?;
        let db = Db::open(&path, parallel, REVENUE, |_| Ok(()))?;
        Ok(Database { db, rows, query_time })
    };
    cachefence::blocking(open).await
}

async fn compare(
    database: &Database,
    naive: &Naive,
    args: &Args,
    progress: Progress,
) -> Result<Report, BoxError> {
    let Database { db, rows, query_time } = database;
    let expected = db.revenue(REGION).await?;
    let requests = args.requests;
    let naive = || {
        let (db, naive) = (db.clone(), naive.clone());
        async move { naive.revenue(&db, REGION).await }
    };
    let cached = || {
        let db = db.clone();
        async move { cached::revenue(&db, REGION).await }
    };
    let naive = measure("naive", db, &expected, requests, progress, naive).await?;
    let cached = measure("cachefence", db, &expected, requests, progress, cached).await?;
    Ok(Report {
        requests,
        store: args.redis.as_ref().map_or("memory", |_| "redis"),
        rows: *rows,
        query_time: *query_time,
        naive,
        cached,
    })
}

/// Sends the requests, has `SQLite` count the queries that they cost, and checks every answer.
async fn measure<F, Fut, E>(
    name: &str,
    db: &Db,
    expected: &[Revenue],
    requests: usize,
    progress: Progress,
    request: F,
) -> Result<Side, BoxError>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Vec<Revenue>, E>> + Send + 'static,
    E: Into<BoxError> + Send + 'static,
{
    let before = db.queries();
    let run = Run::of(requests, request, |done| {
        progress.show(&format!("{name}: {done} of {requests} requests answered"));
    });
    let run = run.await.map_err(Into::into)?;
    if run.answers.iter().any(|answer| answer != expected) {
        return Err(format!("{name}: an answer differs from the database's").into());
    }
    Ok(Side::new(db.queries() - before, run.latencies, run.total))
}
