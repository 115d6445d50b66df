//! The numbers of a cache, as it tells them: what is counted, and under which name.

use std::fmt;

use crate::error::{StoreError, StoreErrorKind};

/// Defines an enum, and a struct with a count for each of its variants.
macro_rules! counted {
    (
        $(#[$kind_doc:meta])* $kind:ident,
        $(#[$counts_doc:meta])* $counts:ident: { $($(#[$doc:meta])* $variant:ident = $field:ident,)* }
    ) => {
        $(#[$kind_doc])*
        ///
        /// [`Stats`] counts each, and has an example.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $kind {
            $($(#[$doc])* $variant,)*
        }

        impl $kind {
            pub(super) const COUNT: usize = [$(Self::$variant),*].len();

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
        ///
        /// A part of [`Stats`], which has an example.
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

            pub(super) fn read(count: impl Fn($kind) -> u64) -> Self {
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
        /// The value would not come back as it was: the codec cannot encode it, or it decodes to another value, or
        /// not at all.
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
        /// The call had waited for other callers' loads for twice `wait_for_lock`, or for 16 loads that had no result
        /// to share.
        WaitedTooLong = waited_too_long,
        /// The load that the call waited for had no result to share: a panic, an error that cannot be cloned, or
        /// a failure in another process.
        NotShared = not_shared,
        /// The value of the last load was not to be cached, so the call did not wait for the load of another process.
        Uncacheable = uncacheable,
        /// The call was made inside a load of its own key.
        Recursive = recursive,
        /// The key or an option of an annotated function could not be used.
        NotUsable = not_usable,
        /// The cache is [disabled](crate::CacheFence::disabled).
        Disabled = disabled,
    }
}

impl BypassReason {
    /// Whether the body runs because the store cannot be asked.
    pub(crate) const fn is_of_store(self) -> bool {
        match self {
            Self::StoreDown | Self::StoreFailed | Self::StoreSlow | Self::InvalidationPending => {
                true
            }
            Self::WaitedTooLong
            | Self::NotShared
            | Self::Uncacheable
            | Self::Recursive
            | Self::NotUsable
            | Self::Disabled => false,
        }
    }

    /// Why a call that meets this error of its store runs its body.
    pub(crate) fn of(error: &StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Failed | StoreErrorKind::Lost => Self::StoreFailed,
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
        /// The server turned out not to run scripts, not to push, not to take writes, to be far away, or to evict
        /// leases first.
        Degraded = degraded,
        /// A reply held the entry of another key, and was not served.
        StrayReply = stray_reply,
        /// A lease ran out during its load, because it was not renewed in time or the load took longer than
        /// `load_timeout`.
        LeaseExpired = lease_expired,
        /// An entry was read that does not decode to the function's type.
        UndecodableEntry = undecodable_entry,
        /// A value was not stored: too large, a ttl out of bounds, one that the codec cannot encode, or one that would
        /// not come back as it was.
        UnstorableValue = unstorable_value,
        /// An error of a body was not returned, because a value could be served or a task ran the body; or a body
        /// took longer than `recompute_timeout`.
        SwallowedError = swallowed_error,
        /// A load was dropped with its caller, while others waited for it.
        DroppedLoad = dropped_load,
        /// An invalidation became pending, because the store did not take it.
        PendingInvalidation = pending_invalidation,
        /// A refresh was left to a later call, because as many ran as may of which nobody waits for any, or there was no
        /// runtime.
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
///
/// # Examples
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachefence::CacheFence;
/// use cachefence::observe::RequestResult;
/// use std::time::Duration;
///
/// let cache = CacheFence::in_memory();
/// for _ in 0..4 {
///     let load = || async { Ok::<_, std::io::Error>(1) };
///     cache.get_or_set("one", Duration::from_secs(60), load).await?;
/// }
///
/// let stats = cache.stats();
/// assert_eq!((stats.requests.loaded, stats.requests.hit), (1, 3));
/// assert_eq!(stats.requests.total(), 4);
/// assert_eq!(stats.requests.of(RequestResult::Hit), 3);
/// assert_eq!(RequestResult::Hit.as_str(), "hit"); // as logs and metrics have it
/// assert_eq!(stats.bypasses.store_down, 0); // no body ran because the store was down
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// How calls were served.
    pub requests: Requests,
    /// How loads ended: `loads.total() + loads_under_way` bodies have begun.
    pub loads: Loads,
    /// Why bodies ran without the lease.
    pub bypasses: Bypasses,
    /// The operations that the store was asked for.
    pub operations: Operations,
    /// Which of these operations failed. Those that the open circuit breaker refused are among them.
    pub failures: Operations,
    /// The troubles that cost no call its result.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hit_ratio_is_that_of_what_was_there() {
        let requests =
            Requests { hit: 5, early: 1, stale: 2, loaded: 1, joined: 1, ..Requests::default() };
        assert_eq!(Stats { requests, ..Stats::default() }.hit_ratio(), Some(0.8));
        assert_eq!(Stats::default().hit_ratio(), None);
    }
}
