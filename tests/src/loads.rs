//! Counts loads: how many have run, and how many at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts loads: the runs of a recompute, or of an annotated function's body. A clone counts for the same.
#[derive(Clone, Debug, Default)]
pub struct Loads(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

/// A load that runs, until this is dropped.
#[derive(Debug)]
#[must_use = "the load ends when this is dropped"]
pub struct Running {
    /// The number of this load, from 1.
    pub number: usize,
    counts: Arc<Counts>,
}

impl Loads {
    /// Counts a load that begins: `let _running = loads.begin();`.
    pub fn begin(&self) -> Running {
        let counts = Arc::clone(&self.0);
        let number = counts.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let running = counts.running.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(running, Ordering::SeqCst);
        Running { number, counts }
    }

    /// How many have begun.
    pub fn count(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// How many run now.
    pub fn running(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }

    /// The most that ever ran at a time.
    pub fn most_at_a_time(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.counts.running.fetch_sub(1, Ordering::SeqCst);
    }
}
