//! A worker: a service with both sides, each with a pool of connections of its own.

mod fenced;
mod watch;

use std::future::IntoFuture as _;
use std::io::Write as _;
use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cachefence::CacheFence;
use cachefence_examples::BoxError;
use cachefence_examples::database::Db;
use cachefence_examples::naive::Naive;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::fenced::{revenue, revenue_entry};
use self::watch::Watch;
use crate::args::WorkerArgs;
use crate::message::{Counts, Message};
use crate::trouble::{self, TROUBLED_REVENUE};
use crate::{REGION, TTL, child};

/// How many queries of one side a worker runs at a time.
const CONNECTIONS: usize = 8;

/// How often the counts are told.
const TELL_EVERY: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Worker {
    naive: Naive,
    naive_db: Db,
    fenced_db: Db,
    cache: CacheFence,
}

/// How long requests and loads that run at the end may take.
const FINISH_LIMIT: Duration = Duration::from_secs(2);

/// How long the values may take to be removed from the cache.
const FORGET_LIMIT: Duration = Duration::from_millis(500);

/// Serves until the worker is asked to end.
pub(crate) async fn run(args: WorkerArgs) -> Result<(), BoxError> {
    let asked = child::asked_to_end()?;
    let sender = Sender::to_stdout();
    let worker = Worker::new(&args, &sender)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    sender.send(Message::Listening { port: listener.local_addr()?.port() });
    tokio::spawn(worker.clone().tell_counts(sender));

    let (stop, stopped) = oneshot::channel::<()>();
    let serve = axum::serve(listener, worker.clone().router())
        .with_graceful_shutdown(async { stopped.await.unwrap_or_default() });
    let mut serve = pin!(serve.into_future());
    tokio::select! {
        served = &mut serve => return Ok(served?),
        () = asked => drop(stop),
    }
    let finish = async {
        serve.await?;
        Ok::<_, BoxError>(worker.cache.shutdown().await?)
    };
    let _ = tokio::time::timeout(FINISH_LIMIT, finish).await;
    // Last, when nothing stores any more: nothing is to stay on a server that is not the demo's own.
    let _ = tokio::time::timeout(FORGET_LIMIT, worker.forget()).await;
    Ok(())
}

impl Worker {
    fn new(args: &WorkerArgs, sender: &Sender) -> Result<Self, BoxError> {
        let open = || Db::open(&args.database, CONNECTIONS, TROUBLED_REVENUE, trouble::teach);
        let (naive_db, fenced_db) = (open()?, open()?);
        let redis = args.redis.as_deref();
        let naive = Naive::new(redis, &format!("{}:naive", args.namespace), TTL)?;
        let builder = CacheFence::builder().observe(Watch::new(sender.clone()));
        let builder = match redis {
            Some(url) => builder.redis(url).namespace(&args.namespace),
            None => builder.in_memory(),
        };
        // Lazy, since a worker may start while Redis is stopped.
        let cache = builder.build_lazy()?;
        cache.install()?;
        Ok(Self { naive, naive_db, fenced_db, cache })
    }

    fn router(self) -> Router {
        Router::new()
            .route("/naive", get(naive))
            .route("/fenced", get(fenced))
            .route("/expire", post(expire))
            .route("/invalidate", post(invalidate))
            .with_state(self)
    }

    async fn tell_counts(self, sender: Sender) {
        let mut ticks = tokio::time::interval(TELL_EVERY);
        loop {
            ticks.tick().await;
            let found = revenue_entry(REGION).inspect().await.ok().flatten();
            let stats = self.cache.stats();
            sender.send(Message::Counts(Counts {
                naive_queries: self.naive_db.queries(),
                fenced_queries: self.fenced_db.queries(),
                stale: stats.requests.stale,
                naive_running: self.naive_db.running(),
                fenced_running: self.fenced_db.running(),
                ttl: found.map(|found| found.remaining_ttl.as_secs_f64()),
                store: self.cache.status().health.as_str().to_owned(),
            }));
        }
    }

    /// Invalidates the value on both sides.
    async fn forget(&self) -> Result<(), BoxError> {
        self.naive.delete(REGION).await?;
        Ok(revenue_entry(REGION).invalidate().await?)
    }
}

async fn naive(State(worker): State<Worker>) -> Response {
    answer(worker.naive.revenue(&worker.naive_db, REGION).await)
}

async fn fenced(State(worker): State<Worker>) -> Response {
    answer(revenue(&worker.fenced_db, REGION).await)
}

/// Ends the ttl of the value on both sides.
async fn expire(State(worker): State<Worker>) -> Response {
    let expire = async {
        worker.naive.delete(REGION).await?;
        let entry = revenue_entry(REGION);
        if let Some(value) = entry.peek().await? {
            // Set again, to be valid for as short as can be: a value past its ttl may still be served if loads fail.
            revenue_entry(REGION).ttl(Duration::from_millis(1)).set(&value).await?;
        }
        Ok::<_, BoxError>(())
    };
    answer(expire.await)
}

async fn invalidate(State(worker): State<Worker>) -> Response {
    answer(worker.forget().await)
}

fn answer<T: serde::Serialize>(result: Result<T, impl std::fmt::Display>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

/// Sends messages to the page's process, from any thread, without waiting.
#[derive(Clone)]
struct Sender(mpsc::Sender<Message>);

impl Sender {
    fn to_stdout() -> Self {
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            let mut stdout = std::io::stdout().lock();
            for message in messages {
                let line = serde_json::to_string(&message).expect("a message is JSON");
                if writeln!(stdout, "{line}").is_err() {
                    return; // nobody reads any more, and standard input ends too
                }
            }
        });
        Self(sender)
    }

    fn send(&self, message: Message) {
        let _ = self.0.send(message);
    }
}
