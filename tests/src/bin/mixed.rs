//! A process that makes calls of every kind, and prints what they came to beside what the cache has counted. Its
//! arguments are the URL of the server, a seed, the number of calls, and how many of a thousand callers leave early.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{env, fmt};

use cachefence::{CacheFence, Stats};
use cachefence_tests::DEADLINE;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How many calls are under way at a time.
const AT_A_TIME: usize = 40;

/// A value, or an error, that says which body made it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Made {
    by: u64,
    padding: String,
}

#[derive(Debug, Clone)]
struct Failed {
    by: u64,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("on purpose")
    }
}

impl std::error::Error for Failed {}

/// What calls and bodies came to, by name.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Tally {
    fn add(&self, what: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }
}

/// Numbers that are as good as random, from a seed (Steele and others, `SplitMix64`).
struct Numbers(AtomicU64);

impl Numbers {
    fn below(&self, bound: u64) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let [url, seed, calls, leave] =
        [1, 2, 3, 4].map(|at| env::args().nth(at).expect("four arguments"));
    let leave = leave.parse().expect("a number");
    let builder = || CacheFence::builder().redis(&url).namespace("mixed").op_timeout(DEADLINE);
    // The test may kill the connection that `build` makes.
    let cache = loop {
        if let Ok(cache) = builder().max_value_bytes(4_000).build().await {
            break cache;
        }
    };
    std::panic::set_hook(Box::new(|_| {})); // the panics below are on purpose
    let numbers = Arc::new(Numbers(AtomicU64::new(seed.parse().expect("a number"))));
    let (tally, bodies) = (Tally::default(), Arc::new(AtomicU64::new(1)));
    let mut running = JoinSet::new();
    for _ in 0..calls.parse::<u64>().expect("a number") {
        if running.len() == AT_A_TIME {
            running.join_next().await;
        }
        let leaves = numbers.below(1_000) < leave;
        let (numbers, bodies) = (Arc::clone(&numbers), Arc::clone(&bodies));
        running.spawn(call(cache.clone(), numbers, tally.clone(), bodies, leaves));
    }
    while running.join_next().await.is_some() {}
    // What goes on in tasks has ended when the store is asked for nothing more.
    let mut before = Stats::default();
    while before.operations != cache.stats().operations {
        before = cache.stats();
        sleep(Duration::from_millis(500)).await;
    }
    let mut counts = tally.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    counts.extend(told(&cache.stats()));
    println!("{}", serde_json::to_string(&counts).expect("numbers"));
}

/// One call of a random kind.
async fn call(
    cache: CacheFence,
    numbers: Arc<Numbers>,
    tally: Tally,
    bodies: Arc<AtomicU64>,
    leaves: bool,
) {
    let key = format!("row:{}", numbers.below(30));
    if numbers.below(20) == 0 {
        cache.invalidate(&key).await.expect("the server is there");
        return;
    }
    let me = (numbers.below(1 << 40) << 20) + bodies.fetch_add(1, Ordering::Relaxed);
    let body = {
        let (tally, numbers) = (tally.clone(), Arc::clone(&numbers));
        move || async move {
            tally.add("bodies");
            let mut unfinished = Unfinished(Some(tally.clone()));
            sleep(Duration::from_millis(numbers.below(30))).await;
            unfinished.0 = None;
            match numbers.below(20) {
                0 | 1 => {
                    tally.add("bodies that failed");
                    Err(Failed { by: me })
                }
                2 => {
                    tally.add("bodies that panicked");
                    panic!("on purpose")
                }
                3 => Ok(Made { by: me, padding: "x".repeat(5_000) }),
                _ => Ok(Made { by: me, padding: String::new() }),
            }
        }
    };
    let ttl = Duration::from_millis(20 + numbers.below(300));
    let mut entry = cache.entry::<Made>(&key).ttl(ttl);
    if numbers.below(3) == 0 {
        entry = entry.stale_if_error(Duration::from_secs(1));
    }
    let patience = if leaves { Duration::from_millis(10) } else { DEADLINE };
    let called = tokio::spawn(async move { timeout(patience, entry.get_or_set(body)).await });
    let by = match called.await {
        Ok(Ok(Ok(made))) => made.by,
        Ok(Ok(Err(error))) => error.recompute().expect("no other error").by,
        // The call was dropped, or its body panicked: it did not return.
        Ok(Err(_)) | Err(_) => return,
    };
    tally.add("calls that returned");
    if by == me {
        tally.add("calls that were served by their own body");
    }
}

/// A body that is dropped before it ends.
struct Unfinished(Option<Tally>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(tally) = &self.0 {
            tally.add("bodies that were dropped");
        }
    }
}

/// What the cache has counted.
fn told(stats: &Stats) -> [(&'static str, u64); 15] {
    let (requests, loads, operations) = (stats.requests, stats.loads, stats.operations);
    [
        ("requests", requests.total()),
        ("requests.loaded", requests.loaded),
        ("requests.bypassed", requests.bypassed),
        ("loads", loads.total()),
        ("loads.failed", loads.failed),
        ("loads.panicked", loads.panicked),
        ("loads.aborted", loads.aborted),
        ("loads.stored", loads.stored),
        ("loads_under_way", stats.loads_under_way),
        ("bypasses", stats.bypasses.total()),
        ("read", operations.read),
        ("acquire", operations.acquire),
        ("renew", operations.renew),
        ("finish", operations.finish),
        ("invalidate", operations.invalidate),
    ]
}
