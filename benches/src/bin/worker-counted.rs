//! The same worker as `worker`, with an allocator that counts.

use std::alloc::System;

use cachefence_benches::allocations::{self, Counts};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    allocations::count_with(|| {
        let stats = ALLOCATOR.stats();
        Counts {
            allocations: stats.allocations + stats.reallocations,
            allocated: stats.bytes_allocated,
            freed: stats.bytes_deallocated,
        }
    });
    cachefence_benches::worker::run();
}
