//! A live page: two worker processes over one database, and the same load on a naive cache and on a fenced one.
//!
//! ```text
//! cargo run --release --bin demo
//! ```
//!
//! This process serves the page, makes the load and starts the others, which are this program too: the workers, a Redis
//! unless one is named, and one that removes the temporary directory in the end.

mod args;
mod board;
mod buttons;
mod child;
mod client;
mod fleet;
mod front;
mod message;
mod redis;
mod trouble;
mod visitors;
mod worker;

use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cachefence_examples::{BoxError, database, namespace, one_line};

use crate::args::{Args, CacheChoice, DIR_PREFIX, Role, USAGE, WorkerArgs};
use crate::board::{BUCKET, Board, DatabaseView, StoreInfo};
use crate::buttons::Controls;
use crate::child::{Part, stop_signal};
use crate::client::Client;
use crate::fleet::Fleet;
use crate::redis::OwnRedis;
use crate::trouble::{Troubles, pause};
use crate::visitors::Visitors;

/// What every visitor asks for.
const REGION: &str = "north";

/// How long an answer is valid on the naive side; the fenced side's stands in its attribute.
const TTL: Duration = Duration::from_secs(5);

/// How long the query works, beside its pause.
const QUERY_TIME: Duration = Duration::from_millis(5);

/// How long the workers may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Role::parse(lexopt::Parser::from_env()) {
        Ok(Role::Help) => {
            print!("{USAGE}");
            Ok(())
        }
        Ok(Role::Demo(args)) => demo(args).await,
        Ok(Role::Worker(args)) => worker::run(args).await,
        Ok(Role::Redis(args)) => redis::hold(&args).await,
        Ok(Role::Cleanup(dir)) => child::cleanup(&dir).await,
        Err(error) => {
            eprint!("demo: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let code = match result {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("demo: {}", one_line(error.as_ref()));
            1
        }
    };
    // Not by return: a read of standard input that is under way would hold the process.
    std::process::exit(code)
}

/// Runs the demo until it is asked to end, then ends what it has started.
async fn demo(args: Args) -> Result<(), BoxError> {
    let mut stop = pin!(stop_signal()?);
    let listener = front::listen(args.port).await?;
    let dir = tempfile::Builder::new().prefix(DIR_PREFIX).tempdir()?;
    let cleanup = Part::cleanup(dir.path())?;
    let dir = dir.keep();

    let result = async {
        let controls = tokio::select! {
            controls = start(args.cache, &dir) => Arc::new(controls?),
            () = &mut stop => return Ok(()),
        };
        println!("listening on http://{}", listener.local_addr()?);
        let served = axum::serve(listener, front::router(Arc::clone(&controls)));
        tokio::select! {
            served = served => served?,
            () = tick(&controls) => {}
            () = stop => {}
        }
        controls.end().await;
        Ok(())
    };
    let result = result.await;
    cleanup.end().await;
    result
}

/// Starts everything but the page.
async fn start(cache: CacheChoice, dir: &Path) -> Result<Controls, BoxError> {
    let path = dir.join("orders.sqlite");
    let generate = {
        let path = path.clone();
        move || -> Result<_, BoxError> {
            let (rows, _) = database::generate(&path, QUERY_TIME, |_| {})?;
            Ok((rows, Troubles::new(&path)?))
        }
    };
    let (rows, troubles) = cachefence::blocking(generate).await?;
    let pause_ms = pause(false).as_millis();
    let database = DatabaseView { rows, pause_ms, ..DatabaseView::default() };

    let (redis, url, store) = choose(cache, dir).await?;
    println!("cache: {}", store.note);
    let visitors = Visitors::new();
    let board = Arc::new(Board::new(store, database, visitors.clone()));
    let namespace = namespace("cachefence-demo");
    let fleet = Fleet::start(&WorkerArgs { database: path, namespace, redis: url }, &board);
    tokio::time::timeout(START_LIMIT, board.all_serve()).await.map_err(|_| "no worker serves")?;
    let pids: Vec<String> = board.pids().iter().map(u32::to_string).collect();
    println!("workers: {}", pids.join(", "));
    let client = Client::new();
    visitors.start(&board, &client);
    Ok(Controls::new(board, fleet, redis, troubles, client))
}

/// Returns the Redis that was started, the one to use, and the same in words.
async fn choose(
    cache: CacheChoice,
    dir: &Path,
) -> Result<(Option<OwnRedis>, Option<String>, StoreInfo), BoxError> {
    let memory = |reason| StoreInfo {
        kind: "memory",
        note: format!("memory of each worker ({reason})"),
        ..StoreInfo::default()
    };
    match cache {
        CacheChoice::Memory => Ok((None, None, memory("as asked by --memory"))),
        CacheChoice::Redis(url) => {
            let client = ::redis::Client::open(url.as_str())?;
            let address = client.get_connection_info().addr().to_string();
            client.get_multiplexed_async_connection().await?;
            let note = format!("Redis at {address}");
            let info = StoreInfo { kind: "redis", owned: false, address: Some(address), note };
            Ok((None, Some(url), info))
        }
        CacheChoice::Own if OwnRedis::is_installed().await => {
            let redis = OwnRedis::start(dir).await?;
            let address = redis.address();
            let note = format!("Redis that this program started, {address}");
            let info = StoreInfo { kind: "redis", owned: true, address: Some(address), note };
            let url = redis.url();
            Ok((Some(redis), Some(url), info))
        }
        CacheChoice::Own => Ok((None, None, memory("no redis-server on the PATH"))),
    }
}

/// Closes a bucket of the figures each quarter of a second.
async fn tick(controls: &Controls) {
    let mut ticks = tokio::time::interval(BUCKET);
    loop {
        ticks.tick().await;
        controls.look_after_redis();
        controls.board.tick();
    }
}
