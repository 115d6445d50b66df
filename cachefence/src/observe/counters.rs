//! Counters: what happened how often, without threads getting in each other's way.
//!
//! A hit adds to two counters. One counter for all threads would pass its cache line from core to core
//! with every hit, so each thread adds to a *shard*, which it shares with few others or none. Whoever
//! wants to know a count adds the shards up.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::error::{StoreError, StoreErrorKind};

/// Defines an enum, and a struct with a count for each of its variants.
macro_rules! counted {
    (
        $(#[$kind_doc:meta])* $kind:ident,
        $(#[$counts_doc:meta])* $counts:ident: { $($(#[$doc:meta])* $variant:ident = $field:ident,)* }
    ) => {
        $(#[$kind_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $kind {
            $($(#[$doc])* $variant,)*
        }

        impl $kind {
            const COUNT: usize = [$(Self::$variant),*].len();

            /// The name, as logs and metrics have it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($field),)*
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        $(#[$counts_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct $counts {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl $counts {
            /// The sum of all.
            pub const fn total(&self) -> u64 {
                0 $(+ self.$field)*
            }

            /// The count of one.
            pub const fn of(&self, kind: $kind) -> u64 {
                match kind {
                    $($kind::$variant => self.$field,)*
                }
            }

            fn read(count: impl Fn($kind) -> u64) -> Self {
                Self { $($field: count($kind::$variant),)* }
            }
        }
    };
}

counted! {
    /// How a call was served.
    RequestResult,
    /// How calls were served. A call counts when it returns; one that is dropped before, or that is refused
    /// (`Error::Key`, `Error::Option`, `Error::Recursive`), does not count.
    Requests: {
        /// A valid value was there.
        Hit = hit,
        /// A valid value was there, and due for an early refresh, which another call or a task makes.
        Early = early,
        /// A value past its ttl was served, within a stale window.
        Stale = stale,
        /// Another call of this process made the load that this one waited for.
        Joined = joined,
        /// Another process made the load that this call waited for.
        Waited = waited,
        /// The call's own body ran, under the lease.
        Loaded = loaded,
        /// The call's own body ran without the lease; [`Bypasses`] says why.
        Bypassed = bypassed,
    }
}

counted! {
    /// How a load ended. A load is one run of a body.
    LoadOutcome,
    /// How loads ended. Each run of a body is one load, with or without the lease.
    Loads: {
        /// The value was stored.
        Stored = stored,
        /// The body returned an error.
        Failed = failed,
        /// The body panicked.
        Panicked = panicked,
        /// The store failed, or took too long, when it was given the value.
        Refused = refused,
        /// The value is not to be stored: its load had no lease, its ttl is zero or out of bounds, or it is
        /// larger than `max_value_bytes` or than the store takes.
        NotCached = not_cached,
        /// The codec cannot encode the value so that the same value would come back.
        Undecodable = undecodable,
        /// The value was not stored because the lease was lost: the key was invalidated or set during the
        /// load, or the lease ended.
        LeaseLost = lease_lost,
        /// The body was dropped before its end: by its caller, by `recompute_timeout`, by `load_timeout` in a
        /// task, or because a value arrived first. Or the caller left before the store had answered.
        Aborted = aborted,
    }
}

counted! {
    /// Why a body ran without the lease, although a value might have been served.
    BypassReason,
    /// Why bodies ran without the lease. These loads are in [`Loads`] too.
    Bypasses: {
        /// The circuit breaker was open: the store had failed several times in a row.
        StoreDown = store_down,
        /// The store failed when it was asked.
        StoreFailed = store_failed,
        /// The store had taken longer than one call waits for it.
        StoreSlow = store_slow,
        /// An invalidation of the key had not reached the store yet.
        InvalidationPending = invalidation_pending,
        /// The call had waited for other callers' loads for `wait_for_lock`, or for 16 loads that gave it nothing.
        WaitedTooLong = waited_too_long,
        /// The load that the call waited for ended in nothing that can be shared, such as an error that
        /// cannot be cloned.
        NotShared = not_shared,
        /// The call was made inside a load of its own key.
        Recursive = recursive,
        /// The key or an option of an annotated function could not be used.
        NotUsable = not_usable,
    }
}

impl BypassReason {
    /// Why a call that meets this error of its store runs its body.
    pub(crate) fn of(error: &StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Failed => Self::StoreFailed,
            StoreErrorKind::Down => Self::StoreDown,
            StoreErrorKind::Slow => Self::StoreSlow,
            StoreErrorKind::InvalidationPending => Self::InvalidationPending,
        }
    }
}

counted! {
    /// An operation of a store.
    Operation,
    /// Operations of the store.
    Operations: {
        /// Reading an entry.
        Read = read,
        /// Asking for a lease.
        Acquire = acquire,
        /// Prolonging a lease.
        Renew = renew,
        /// Ending a load: storing its value, or giving its lease back.
        Finish = finish,
        /// Removing an entry.
        Invalidate = invalidate,
    }
}

counted! {
    /// A trouble that costs no call its result, and so would pass in silence.
    Trouble,
    /// Troubles that cost no call its result.
    Troubles: {
        /// The circuit breaker opened.
        Outage = outage,
        /// An operation took longer than a third of `op_timeout`.
        SlowOperation = slow_operation,
        /// The server turned out not to run scripts, not to push, or not to take writes.
        Degraded = degraded,
        /// A reply held the entry of another key, and was not served.
        StrayReply = stray_reply,
        /// A lease ran out during its load, because it was not renewed in time or the load took longer than
        /// `load_timeout`.
        LeaseExpired = lease_expired,
        /// An entry was read that does not decode to the function's type.
        UndecodableEntry = undecodable_entry,
        /// A value was not stored: too large, a ttl out of bounds, or one that the codec cannot encode.
        UnstorableValue = unstorable_value,
        /// An error of a body was not returned, because a value could be served or a task ran the body; or a body
        /// took longer than `recompute_timeout`.
        SwallowedError = swallowed_error,
        /// A refresh was left to a later call, because 256 bodies ran in the background, or there was no runtime.
        SkippedRefresh = skipped_refresh,
        /// A call ran without its cache: its key or an option could not be used, or it was made inside its
        /// own load.
        UnusableCall = unusable_call,
    }
}

/// The numbers of one cache, counted since it was built; see [`CacheFence::stats`](crate::CacheFence::stats).
///
/// All but the last two only grow. The counts are read one after another while calls go on, so sums may
/// be apart by the calls of that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// How calls were served.
    pub requests: Requests,
    /// How loads ended: `loads.total() + loads_under_way` bodies have begun.
    pub loads: Loads,
    /// Why bodies ran without the lease.
    pub bypasses: Bypasses,
    /// What the store was asked for.
    pub operations: Operations,
    /// Which of these operations failed. Those that the open circuit breaker refused are among them.
    pub failures: Operations,
    /// What went wrong without a call failing by it.
    pub troubles: Troubles,
    /// How many bodies run now.
    pub loads_under_way: u64,
    /// How many invalidations have not reached the store yet, and are sent again.
    pub pending_invalidations: usize,
}

impl Stats {
    /// The share of calls that were served a value which was there already: hits, early and stale ones.
    /// `None` before the first call.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use cachefence::CacheFence;
    /// use std::time::Duration;
    ///
    /// let cache = CacheFence::in_memory();
    /// for _ in 0..4 {
    ///     let load = || async { Ok::<_, std::io::Error>(1) };
    ///     cache.get_or_set("one", Duration::from_secs(60), load).await?;
    /// }
    /// assert_eq!(cache.stats().hit_ratio(), Some(0.75));
    /// # Ok(()) }
    /// ```
    #[allow(clippy::cast_precision_loss)] // a share of calls needs no more than 52 bits
    pub fn hit_ratio(&self) -> Option<f64> {
        let Requests { hit, early, stale, .. } = self.requests;
        let calls = self.requests.total();
        (calls != 0).then(|| (hit + early + stale) as f64 / calls as f64)
    }
}

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

    #[test]
    fn the_hit_ratio_is_that_of_what_was_there() {
        let requests =
            Requests { hit: 5, early: 1, stale: 2, loaded: 1, joined: 1, ..Requests::default() };
        assert_eq!(Stats { requests, ..Stats::default() }.hit_ratio(), Some(0.8));
        assert_eq!(Stats::default().hit_ratio(), None);
    }
}
