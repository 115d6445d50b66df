//! The order in which keys are read.

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::protocol::{Choice, Keys};

/// The names of the keys, and the numbers of the keys to read. Both are made before anything is timed.
pub(super) struct Order {
    names: Arc<[String]>,
    next: Vec<u32>,
}

impl Order {
    /// Draws one of `keys` for each of `calls` calls; the same `seed` draws the same keys. The tasks of a batch share
    /// their `names`.
    pub(super) fn new(
        names: Arc<[String]>,
        keys: Keys,
        choice: Choice,
        calls: usize,
        seed: u64,
    ) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let next = match choice {
            Choice::Uniform => (0..calls).map(|_| random.random_range(0..keys.count)).collect(),
            Choice::Zipf => {
                let sums = cumulated(keys.count);
                let all = sums.last().copied().unwrap_or(1.0);
                (0..calls)
                    .map(|_| {
                        let drawn = random.random_range(0.0..all);
                        let place = sums.partition_point(|&sum| sum <= drawn);
                        u32::try_from(place).map_or(0, |place| place.min(keys.count - 1))
                    })
                    .collect()
            }
        };
        Self { names, next }
    }

    /// The key of the n-th call.
    pub(super) fn key(&self, call: usize) -> &str {
        &self.names[self.next[call % self.next.len()] as usize]
    }
}

/// The sums 1, 1 + 1/2, 1 + 1/2 + 1/3 and so on.
fn cumulated(count: u32) -> Vec<f64> {
    let mut sum = 0.0;
    (1..=count)
        .map(|rank| {
            sum += 1.0 / f64::from(rank);
            sum
        })
        .collect()
}
