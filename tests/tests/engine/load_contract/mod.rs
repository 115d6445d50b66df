//! The load contract: what a caller waits when a load is slow, hangs, fails, panics or is left by its caller.
//!
//! Time is tokio's, paused. Processes are caches on one store, as far as one program can have them; `fleet::contract` has real
//! ones. The figures here are those of the table in `docs/errors.md`.

mod bulkheads;
mod deadlines;
mod failures;
mod hedges;
mod left_runtimes;
mod marks;
mod outages;
mod panics;
mod recursion;
mod windows;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cachefence::{Builder, CacheFence, Entry};
use cachefence_tests::{Loads, Staged, cache_on, settle};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(3_600);
/// The default of `wait_for_lock`.
const WAIT: Duration = Duration::from_secs(5);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Caches on one store, which stand for processes, and the loads of their entries.
struct Fleet {
    staged: Arc<Staged>,
    caches: Vec<CacheFence>,
    loads: Loads,
}

impl Fleet {
    fn of(processes: usize) -> Self {
        Self::with(processes, |builder| builder)
    }

    fn with(processes: usize, options: impl Fn(Builder) -> Builder) -> Self {
        let staged = Arc::new(Staged::default());
        let caches = (0..processes).map(|_| cache_on(&staged, &options)).collect();
        Self { staged, caches, loads: Loads::default() }
    }

    fn entry(&self, process: usize) -> Entry<usize> {
        self.caches[process].entry("k").ttl(TTL)
    }

    /// A recompute that takes its time and returns its number.
    fn load(&self, takes: Duration) -> impl FnOnce() -> Load + Send + use<> {
        let loads = self.loads.clone();
        move || {
            Box::pin(async move {
                let running = loads.begin();
                sleep(takes).await;
                Ok(running.number)
            })
        }
    }

    /// A recompute whose first run hangs, and whose later ones take their time.
    fn first_hangs(&self, takes: Duration) -> impl FnOnce() -> Load + Send + use<> {
        self.first_hang(1, takes)
    }

    /// A recompute whose first runs hang.
    fn first_hang(&self, hanging: usize, takes: Duration) -> impl FnOnce() -> Load + Send + use<> {
        let loads = self.loads.clone();
        move || {
            Box::pin(async move {
                let running = loads.begin();
                if running.number <= hanging {
                    std::future::pending::<()>().await;
                }
                sleep(takes).await;
                Ok(running.number)
            })
        }
    }

    fn loads(&self) -> usize {
        self.loads.count()
    }
}

type Load = std::pin::Pin<Box<dyn Future<Output = io::Result<usize>> + Send>>;

/// Calls `get_or_set`, or `get_or_set_detached`.
async fn get<F, Fut>(
    entry: Entry<usize>,
    detached: bool,
    load: F,
) -> Result<usize, cachefence::Error<io::Error>>
where
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output = io::Result<usize>> + Send + 'static,
{
    if detached { entry.get_or_set_detached(load).await } else { entry.get_or_set(load).await }
}

/// Starts a call. Its output is when the call ended, and what it returned.
fn timed<T: Send + 'static>(
    call: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<(Duration, T)> {
    let begun = Instant::now();
    tokio::spawn(async move {
        let output = call.await;
        (begun.elapsed(), output)
    })
}

/// Waits for calls: how long each took, in order, and what it returned.
async fn ended<T>(calls: Vec<JoinHandle<(Duration, T)>>) -> Vec<(Duration, T)> {
    let mut ended = Vec::new();
    for call in calls {
        ended.push(call.await.unwrap());
    }
    ended.sort_by_key(|(took, _)| *took);
    ended
}

/// How long each of the calls took that returned, and how many panicked.
async fn ended_or_panicked<T>(
    calls: Vec<JoinHandle<(Duration, T)>>,
) -> (Vec<(Duration, T)>, usize) {
    let (mut returned, mut panicked) = (Vec::new(), 0);
    for call in calls {
        match call.await {
            Ok(output) => returned.push(output),
            Err(error) => {
                assert!(JoinError::is_panic(&error));
                panicked += 1;
            }
        }
    }
    (returned, panicked)
}
