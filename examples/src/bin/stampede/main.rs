//! A stampede on a real database: many requests at once for one cold key, first through a plain cache-aside, then
//! through a function with `#[cachefence(..)]`.
//!
//! ```text
//! cargo run --release --bin stampede
//! ```

mod args;
mod cached;
mod database;
mod load;
mod naive;
mod progress;
mod report;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::args::{Args, Command, USAGE};
use crate::database::{Db, Revenue};
use crate::load::Run;
use crate::naive::Naive;
use crate::progress::Progress;
use crate::report::{Report, Side};

type BoxError = Box<dyn Error + Send + Sync>;

/// What every request asks for.
const REGION: &str = "north";

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
    // No other run uses these names, so the key is cold.
    let started = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let namespace = format!("stampede-{}-{started}", std::process::id());
    let redis = args.redis.as_deref();
    cached::install(redis, &namespace).await?;
    let naive = Naive::new(redis, format!("{namespace}:naive:{REGION}")).await?;

    let db = database(args.requests, progress).await?;
    let report = compare(&db, &naive, args, progress).await;
    // Both, and also after a failure: nothing stays on the server.
    let deleted = (naive.delete().await, cached::revenue_entry(REGION).invalidate().await);
    let report = report?;
    deleted.0?;
    deleted.1?;
    Ok(report)
}

/// Generates a database whose query is as slow as the naive half can afford.
async fn database(requests: usize, progress: Progress) -> Result<Db, BoxError> {
    let parallel = std::thread::available_parallelism()?.get().min(16);
    let affordable = NAIVE_BUDGET * u32::try_from(parallel)? / u32::try_from(requests)?;
    let query_time = affordable.min(LONGEST_QUERY);
    let generate = move || {
        Db::generate(query_time, parallel, |rows| {
            progress.show(&format!("generating {rows} rows"));
        })
    };
    cachefence::blocking(generate).await
}

async fn compare(
    db: &Db,
    naive: &Naive,
    args: &Args,
    progress: Progress,
) -> Result<Report, BoxError> {
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
        rows: db.rows(),
        query_time: db.query_time(),
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

/// Joins an error and its sources, less those that it repeats itself.
fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        source = error.source();
    }
    line
}
