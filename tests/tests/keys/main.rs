//! Different arguments give different keys, and no key is a lock's name.
//!
//! Each pair of argument tuples differs as little as can be: a character moved over a border, a
//! `%3A` for a `:`, a `None` for a `"~"`. Both are rendered as the attribute does it, and read back
//! from their keys by `read`, which knows the template and the types and nothing of the runtime. What
//! can be read back is unique: that is the proof, and comparing the two keys only its symptom.
//!
//! A million pairs, in a few seconds. A failure prints its seed, and `CACHEFENCE_SEED=n` runs only
//! what came of that.

mod arg;
mod args;
mod check;
mod companions;
mod compound;
mod derived;
mod dice;
mod long;
mod long_keys;
mod own;
mod read;
mod shapes;
mod slots;
mod spelling;
mod text;
mod times;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use cachefence_tests::chosen_seed;
use dice::Dice;
use shapes::SHAPES;

/// How many pairs of one shape a seed stands for.
const PAIRS: u64 = 5_000;

/// How many pairs there are.
const TOTAL: u64 = 1_000_000;

/// The seeds: what `CACHEFENCE_SEED` names, or as many as make up the total.
fn seeds() -> Vec<u64> {
    chosen_seed().map_or_else(|| (0..TOTAL / PAIRS).collect(), |seed| vec![seed])
}

#[test]
fn a_million_pairs_of_arguments_never_share_a_key() {
    let seeds = seeds();
    let (next, pairs) = (AtomicU64::new(0), AtomicU64::new(0));
    let failures = Mutex::new(Vec::new());
    let work = || {
        while failures.lock().expect("not poisoned").is_empty() {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let Some(&seed) = usize::try_from(turn).ok().and_then(|turn| seeds.get(turn)) else {
                return;
            };
            let mut dice = Dice::new(seed);
            let shape = SHAPES[usize::try_from(seed).expect("few seeds") % SHAPES.len()];
            match shape(&mut dice, PAIRS) {
                Ok(()) => _ = pairs.fetch_add(PAIRS, Ordering::Relaxed),
                Err(failure) => {
                    let text = format!("CACHEFENCE_SEED={seed}: {failure}");
                    failures.lock().expect("not poisoned").push(text);
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..cores).for_each(|_| _ = scope.spawn(work)));
    let failures = failures.into_inner().expect("not poisoned");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(pairs.into_inner(), PAIRS * seeds.len() as u64);
}
