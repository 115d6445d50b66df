//! Which seeds are run, on all cores.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use cachefence_tests::{chosen_seed, is_long};

use crate::run::run;
use crate::world::Stats;

/// How many seeds `cargo test` runs.
const SHORT: u64 = 200;

/// How many there are in the long form.
const LONG: u64 = 10_000;

/// Runs `seeds`; adds up what was done.
///
/// # Panics
///
/// At the first seed that fails, with what it was.
pub(crate) fn run_all(seeds: &[u64]) -> Stats {
    let started = Instant::now();
    let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (total, failure) = (Mutex::new(Stats::default()), Mutex::new(None));
    let work = || {
        while !over.load(Ordering::Relaxed) {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let Some(&seed) = usize::try_from(turn).ok().and_then(|turn| seeds.get(turn)) else {
                return;
            };
            match catch_unwind(AssertUnwindSafe(|| run(seed))) {
                Ok(Ok(stats)) => total.lock().expect("not poisoned").add(&stats),
                Ok(Err(violation)) => {
                    over.store(true, Ordering::Relaxed);
                    let run = format!("run {} of {}", turn + 1, seeds.len());
                    let text = format!("seed {seed} ({run}), CACHEFENCE_SEED={seed}:\n{violation}");
                    failure.lock().expect("not poisoned").get_or_insert(text);
                }
                Err(_) => {
                    over.store(true, Ordering::Relaxed);
                    let text = format!("seed {seed} panicked, see above; CACHEFENCE_SEED={seed}");
                    failure.lock().expect("not poisoned").get_or_insert(text);
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    if let Some(failure) = failure.into_inner().expect("not poisoned") {
        panic!("{failure}");
    }
    println!("{} runs in {:?}", seeds.len(), started.elapsed());
    total.into_inner().expect("not poisoned")
}

/// The seeds that the environment asks for.
pub(crate) fn chosen() -> Vec<u64> {
    match chosen_seed() {
        Some(seed) => vec![seed],
        None => (0..if is_long() { LONG } else { SHORT }).collect(),
    }
}
