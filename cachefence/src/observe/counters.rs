//! Counters: what happened how often, without threads getting in each other's way.
//!
//! A hit adds to two counters. One counter for all threads would pass its cache line from core to core
//! with every hit, so each thread adds to a *shard*, which it shares with few others or none. Whoever
//! wants to know a count adds the shards up.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::stats::{
    BypassReason, Bypasses, LoadOutcome, Loads, Operation, Operations, RequestResult, Requests,
    Stats, Trouble, Troubles,
};

/// Something that is counted.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Request(RequestResult),
    LoadBegan,
    Load(LoadOutcome),
    Bypass(BypassReason),
    Operation(Operation),
    Failure(Operation),
    Trouble(Trouble),
}

const LOAD_BEGAN: usize = RequestResult::COUNT;
const LOADS: usize = LOAD_BEGAN + 1;
const BYPASSES: usize = LOADS + LoadOutcome::COUNT;
const OPERATIONS: usize = BYPASSES + BypassReason::COUNT;
const FAILURES: usize = OPERATIONS + Operation::COUNT;
const TROUBLES: usize = FAILURES + Operation::COUNT;
const ALL: usize = TROUBLES + Trouble::COUNT;

impl Count {
    #[inline]
    const fn index(self) -> usize {
        match self {
            Self::Request(result) => result as usize,
            Self::LoadBegan => LOAD_BEGAN,
            Self::Load(outcome) => LOADS + outcome as usize,
            Self::Bypass(reason) => BYPASSES + reason as usize,
            Self::Operation(operation) => OPERATIONS + operation as usize,
            Self::Failure(operation) => FAILURES + operation as usize,
            Self::Trouble(trouble) => TROUBLES + trouble as usize,
        }
    }
}

/// The counters of one cache.
pub(super) struct Counters([Shard; SHARDS]);

/// The counters of a few threads, on cache lines of their own. Processors fetch lines in pairs, hence 128.
#[repr(align(128))]
struct Shard([AtomicU64; ALL]);

/// How many shards there are: a power of two, so that a hit masks and does not divide. A cache takes some 6
/// KiB for them.
const SHARDS: usize = 16;

impl Counters {
    pub(super) fn new() -> Self {
        Self([const { Shard([const { AtomicU64::new(0) }; ALL]) }; SHARDS])
    }

    /// Adds one.
    #[inline]
    pub(super) fn add(&self, count: Count) {
        self.0[thread_number() % SHARDS].0[count.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn of(&self, count: Count) -> u64 {
        self.0.iter().map(|shard| shard.0[count.index()].load(Ordering::Relaxed)).sum()
    }

    pub(super) fn stats(&self, pending_invalidations: usize) -> Stats {
        // Ends are read before beginnings, so that no load seems to have ended before it began.
        let loads = Loads::read(|outcome| self.of(Count::Load(outcome)));
        let began = self.of(Count::LoadBegan);
        Stats {
            requests: Requests::read(|result| self.of(Count::Request(result))),
            loads,
            bypasses: Bypasses::read(|reason| self.of(Count::Bypass(reason))),
            operations: Operations::read(|operation| self.of(Count::Operation(operation))),
            failures: Operations::read(|operation| self.of(Count::Failure(operation))),
            troubles: Troubles::read(|trouble| self.of(Count::Trouble(trouble))),
            loads_under_way: began.saturating_sub(loads.total()),
            pending_invalidations,
        }
    }
}

thread_local! {
    /// The number of this thread; zero until it is first asked for.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// A number that few threads share, or none.
#[inline]
fn thread_number() -> usize {
    match NUMBER.get() {
        0 => next_number(),
        known => known,
    }
}

#[cold]
fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS + 1;
    NUMBER.set(next);
    next
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_counted_is_told_under_its_own_name() {
        let counters = Counters::new();
        counters.add(Count::Request(RequestResult::Bypassed));
        counters.add(Count::LoadBegan);
        for _ in 0..2 {
            counters.add(Count::LoadBegan);
            counters.add(Count::Load(LoadOutcome::Aborted));
        }
        for _ in 0..3 {
            counters.add(Count::Bypass(BypassReason::NotUsable));
            counters.add(Count::Operation(Operation::Invalidate));
        }
        counters.add(Count::Failure(Operation::Read));
        counters.add(Count::Trouble(Trouble::UnusableCall));
        let stats = counters.stats(7);
        assert_eq!(stats.requests, Requests { bypassed: 1, ..Requests::default() });
        assert_eq!(stats.loads, Loads { aborted: 2, ..Loads::default() });
        assert_eq!(stats.bypasses, Bypasses { not_usable: 3, ..Bypasses::default() });
        assert_eq!(stats.operations, Operations { invalidate: 3, ..Operations::default() });
        assert_eq!(stats.failures, Operations { read: 1, ..Operations::default() });
        assert_eq!(stats.troubles, Troubles { unusable_call: 1, ..Troubles::default() });
        assert_eq!((stats.loads_under_way, stats.pending_invalidations), (1, 7));
        assert_eq!(stats.bypasses.of(BypassReason::NotUsable), stats.bypasses.total());
    }

    #[test]
    fn no_two_counts_share_a_counter() {
        assert_eq!(Count::Trouble(Trouble::UnusableCall).index(), ALL - 1);
        assert_eq!(Count::LoadBegan.index(), Count::Request(RequestResult::Bypassed).index() + 1);
        assert_eq!(
            Count::Failure(Operation::Read).index(),
            Count::Operation(Operation::Invalidate).index() + 1
        );
    }

    #[test]
    fn what_several_threads_count_is_added_up() {
        let counters = Counters::new();
        let count = || (0..1_000).for_each(|_| counters.add(Count::Request(RequestResult::Hit)));
        thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(count))));
        assert_eq!(counters.of(Count::Request(RequestResult::Hit)), 8_000);
    }
}
