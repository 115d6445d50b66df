//! The allocations of a worker that counts them.

use std::sync::OnceLock;

/// Counts since the process began.
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

/// Sets how the allocator is asked for its counts. Only the worker whose allocator counts does this.
pub fn count_with(counter: fn() -> Counts) {
    COUNTER.set(counter).expect("one allocator");
}

/// The counts, if this process counts.
pub fn counts() -> Option<Counts> {
    COUNTER.get().map(|counter| counter())
}
