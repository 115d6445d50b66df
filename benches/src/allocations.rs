//! What a worker that counts its allocations has counted.

use std::sync::OnceLock;

/// Since the process began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Allocations, growing ones included.
    pub allocations: usize,
    /// Bytes allocated.
    pub allocated: usize,
    /// Bytes freed.
    pub freed: usize,
}

impl Counts {
    /// Bytes in use.
    pub fn live(self) -> usize {
        self.allocated.saturating_sub(self.freed)
    }
}

static COUNTER: OnceLock<fn() -> Counts> = OnceLock::new();

/// Says how to ask the allocator; only the worker that has a counting one does.
pub fn count_with(counter: fn() -> Counts) {
    COUNTER.set(counter).expect("one allocator");
}

/// The counts, if this process counts.
pub fn counts() -> Option<Counts> {
    COUNTER.get().map(|counter| counter())
}
