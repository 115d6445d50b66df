//! One process of a fleet: it does what it reads from its standard input and prints what happens, in the words of
//! `cachefence_tests::fleet`. Its argument is the number of its threads. It ends with its standard input.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write as _};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, process, thread};

use cachefence::{CacheFence, Error, Redis};
use cachefence_tests::fleet::{Command, Event, How, LoadEnd, Options, Outcome, Row};
use serde::{Deserialize, Serialize};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::timeout;

fn main() -> io::Result<()> {
    let threads = env::args().nth(1).and_then(|threads| threads.parse().ok()).unwrap_or(1);
    let mut builder = match threads {
        1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(threads).enable_all().build()?;
    let (sender, commands) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            let command = serde_json::from_str(&line).expect("the test sends commands");
            if sender.send(command).is_err() {
                break;
            }
        }
        // At once, whatever is under way: nobody is left to hear of it.
        process::exit(0);
    });
    runtime.block_on(serve(commands));
    Ok(())
}

async fn serve(mut commands: mpsc::UnboundedReceiver<Command>) {
    let Some(Command::Connect(options)) = commands.recv().await else {
        panic!("the first command is `Connect`");
    };
    let cache = match connect(&options).await {
        Ok(cache) => cache,
        Err(error) => return say(&Event::Connected(Err(chain(&error)))),
    };
    say(&Event::Connected(Ok(())));

    let database = Arc::new(Database::default());
    let mut callers: HashMap<u64, AbortHandle> = HashMap::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Connect(_) => panic!("it is connected"),
            Command::Call { first, count, key, ttl, how } => {
                for number in first..first + count {
                    let call =
                        call(cache.clone(), Arc::clone(&database), number, key.clone(), ttl, how);
                    let call = tokio::spawn(call);
                    callers.insert(number, call.abort_handle());
                    tokio::spawn(async move {
                        let outcome = match call.await {
                            Ok(outcome) => outcome,
                            Err(error) => error.try_into_panic().ok().map(panicked),
                        };
                        say(&match outcome {
                            Some(outcome) => Event::Returned { call: number, outcome },
                            None => Event::Cancelled { call: number },
                        });
                    });
                }
            }
            Command::Cancel { call } => {
                if let Some(caller) = callers.remove(&call) {
                    caller.abort();
                }
            }
            Command::Answer { load, end } => database.answer(load, end),
            Command::Invalidate { id, key } => {
                let cache = cache.clone();
                tokio::spawn(async move {
                    let result = cache.invalidate(&key).await.map_err(|error| chain(&error));
                    say(&Event::Invalidated { id, result });
                });
            }
            Command::Settle => {
                let cache = cache.clone();
                tokio::spawn(async move { settle(&cache).await });
            }
            Command::Clock => {
                let clock = SystemTime::now().duration_since(UNIX_EPOCH);
                say(&Event::Clock(clock.expect("it is later than 1970")));
            }
        }
    }
}

async fn connect(options: &Options) -> Result<CacheFence, Error> {
    let redis = if options.url.contains(' ') {
        Redis::cluster(options.url.split(' '))
    } else {
        Redis::server(&options.url)
    };
    CacheFence::builder()
        .redis(redis)
        .namespace(&options.namespace)
        .op_timeout(options.op_timeout)
        .beta(options.beta)
        .lock_timeout(options.lock_timeout)
        .wait_for_lock(options.wait_for_lock)
        .stale_if_error(options.stale_if_error)
        .retry_after(options.retry_after)
        .build()
        .await
}

/// What is cached: a row, and for how long.
#[derive(Serialize, Deserialize)]
struct Kept {
    row: Row,
    ttl: Duration,
}

/// One call; `None` if its deadline came first.
async fn call(
    cache: CacheFence,
    database: Arc<Database>,
    number: u64,
    key: String,
    ttl: Duration,
    how: How,
) -> Option<Outcome> {
    let entry = cache.entry::<Kept>(&key).ttl_of(|kept| kept.ttl);
    let body = move || async move { database.load(number, &key, ttl).await };
    let call = async {
        if how.detached {
            entry.get_or_set_detached(body).await
        } else {
            entry.get_or_set(body).await
        }
    };
    let result = match how.deadline {
        Some(limit) => timeout(limit, call).await.ok()?,
        None => call.await,
    };
    Some(match result {
        Ok(kept) => Outcome::Value(kept.row),
        Err(Error::Recompute(error)) => Outcome::LoadFailed(error.0.clone()),
        Err(error) => Outcome::Error(error.to_string()),
    })
}

/// How a call ends whose load has panicked.
fn panicked(panic: Box<dyn Any + Send>) -> Outcome {
    match panic.downcast::<LoadFailed>() {
        Ok(failed) => Outcome::Panicked(failed.0),
        Err(panic) => resume_unwind(panic),
    }
}

/// Waits until the callers have had the answers to their reads.
///
/// Replies come in the order of the commands. A caller's read is the first or the second that is sent after it came,
/// because callers share the next read with others; and whoever a reply woke is polled before whoever a later reply
/// wakes. So three round trips are enough.
async fn settle(cache: &CacheFence) {
    for _ in 0..3 {
        yield_now().await;
        let _ = cache.entry::<Row>("settle").peek().await;
    }
    say(&Event::Settled);
}

/// The test's database, seen from here.
#[derive(Default)]
struct Database {
    loads: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<LoadEnd>>>,
}

/// A load that the test made fail, or panic.
#[derive(Debug)]
struct LoadFailed(Row);

impl Database {
    async fn load(&self, call: u64, key: &str, ttl: Duration) -> Result<Kept, LoadFailed> {
        let load = self.loads.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(load, sender);
        say(&Event::Loading { load, call, key: key.to_owned() });
        match answer.await.expect("only an answer removes the sender") {
            LoadEnd::Value(row) => Ok(Kept { row, ttl }),
            LoadEnd::NotCached(row) => Ok(Kept { row, ttl: Duration::ZERO }),
            LoadEnd::Error(row) => Err(LoadFailed(row)),
            // Past the hook, which would print it.
            LoadEnd::Panic(row) => resume_unwind(Box::new(LoadFailed(row))),
        }
    }

    fn answer(&self, load: u64, end: LoadEnd) {
        let sender = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&load);
        if let Some(sender) = sender {
            // The caller may have been cancelled.
            let _ = sender.send(end);
        }
    }
}

impl fmt::Display for LoadFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the load failed")
    }
}

impl std::error::Error for LoadFailed {}

/// Prints an event. When the test is gone, so is this process in a moment.
fn say(event: &Event) {
    let mut line = serde_json::to_vec(event).expect("an event is JSON");
    line.push(b'\n');
    let _ = io::stdout().lock().write_all(&line);
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
