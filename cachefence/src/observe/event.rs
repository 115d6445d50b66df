//! Events: what happens in a cache, one at a time.

use std::fmt;
use std::time::Duration;

use super::stats::{BypassReason, LoadOutcome, Operation, RequestResult, Trouble};
use crate::error::StoreError;

/// Something that happened in a cache.
///
/// An event names the *template* of its key, such as `user:<id>`, and never the key: keys hold users' data.
/// The template of a key that was given as a string is empty. The library puts no password into an event; of an error that your own function
/// returned, and that nobody is given, it quotes the first line. The `Display` of
/// an event is a sentence for a log; it says what happened and, where that helps, what to do.
///
/// The first four variants are for those who count. The others tell of trouble, and of its end. Most of it
/// costs no call its result, so nobody else would tell of it.
///
/// # Examples
///
/// ```
/// use cachefence::{CacheFence, Event};
///
/// fn report(event: &Event<'_>) {
///     match event {
///         Event::Load { template, took, .. } => println!("{template} took {took:?}"),
///         event if event.trouble().is_some() => eprintln!("{event}"),
///         _ => {}
///     }
/// }
///
/// let cache = CacheFence::builder().in_memory().observe(report).build_lazy()?;
/// # Ok::<(), cachefence::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A call was served.
    #[non_exhaustive]
    Request {
        /// The template of the key.
        template: &'static str,
        /// How the call was served.
        result: RequestResult,
        /// How long the call waited for other callers' loads in all; `None` if it waited for none.
        waited: Option<Duration>,
    },
    /// A body begins.
    #[non_exhaustive]
    LoadBegan {
        /// The template of the key.
        template: &'static str,
        /// Why the body runs without the lease; `None` if it runs under it.
        bypass: Option<BypassReason>,
    },
    /// A load is over.
    #[non_exhaustive]
    Load {
        /// The template of the key.
        template: &'static str,
        /// How the load ended.
        outcome: LoadOutcome,
        /// Why the body ran without the lease; `None` if it ran under it.
        bypass: Option<BypassReason>,
        /// How long the body ran.
        took: Duration,
    },
    /// An operation of the store is over.
    #[non_exhaustive]
    Operation {
        /// The operation.
        operation: Operation,
        /// How long it took.
        took: Duration,
        /// Whether the store did what it was asked.
        succeeded: bool,
    },
    /// The store failed. A call that reads or loads goes on without it; of `set`, `peek` and `invalidate` the
    /// caller is given the error too.
    #[non_exhaustive]
    StoreFailed {
        /// The template of the key.
        template: &'static str,
        /// The operation that the store was asked for.
        operation: Operation,
        /// What the store said.
        error: &'a StoreError,
    },
    /// The store answered, but took long for it.
    #[non_exhaustive]
    StoreSlow {
        /// How long the store took.
        took: Duration,
        /// How long all operations of a call may take together.
        op_timeout: Duration,
    },
    /// The circuit breaker of a server opened: until the server answers a probe, no call contacts it. The nodes of a
    /// cluster have one each.
    #[non_exhaustive]
    StoreDown {
        /// The last failure.
        error: &'a StoreError,
    },
    /// The store does not answer a probe, and says something else than before.
    #[non_exhaustive]
    StoreStillDown {
        /// What it says now.
        error: &'a StoreError,
    },
    /// The circuit breaker of a server closed: the server answers again, or is not needed any more (`replaced`).
    #[non_exhaustive]
    StoreUp {
        /// The address of the server; behind sentinels the name of the primary, as in ``the primary `main` ``.
        server: &'a str,
        /// How long the breaker was open.
        down_for: Duration,
        /// How many bodies ran meanwhile because the store was down.
        bypassed: u64,
        /// Whether the server still does not answer, but other nodes of its cluster hold its slots now.
        replaced: bool,
    },
    /// The store turned out not to do a part of what it is asked, or to be set up so that it will not do so.
    #[non_exhaustive]
    StoreDegraded {
        /// A sentence: the thing that the store does not do, the consequence, and the remedy.
        problem: &'a str,
    },
    /// The store does again what it had refused.
    #[non_exhaustive]
    StoreRestored {
        /// A sentence: the thing that the store does again.
        what: &'a str,
    },
    /// The sentinels name another server as the primary. Every connection to the one before is closed.
    #[non_exhaustive]
    PrimaryChanged {
        /// The name by which the sentinels know the primary.
        name: &'a str,
        /// The address of the server that was the primary.
        before: &'a str,
        /// The address of the server that is the primary now.
        now: &'a str,
    },
    /// A reply held the entry of another key. It was not served.
    #[non_exhaustive]
    StrayReply {
        /// The template of the key that was asked for.
        template: &'static str,
    },
    /// A lease was lost during its load, so that the value is not stored.
    #[non_exhaustive]
    LeaseLost {
        /// The template of the key.
        template: &'static str,
        /// How it was lost.
        loss: LeaseLoss,
        /// How long the load had run by then.
        after: Duration,
    },
    /// An entry of the key does not decode to the function's type. It is loaded anew.
    #[non_exhaustive]
    UndecodableEntry {
        /// The template of the key.
        template: &'static str,
        /// What the codec said, without what it quoted of the value.
        problem: &'a str,
    },
    /// A value was served, and not stored.
    #[non_exhaustive]
    UnstorableValue {
        /// The template of the key.
        template: &'static str,
        /// Why the value is not stored.
        problem: &'a str,
    },
    /// An error of a body was not returned to its caller, because a value could be served instead.
    #[non_exhaustive]
    SwallowedError {
        /// The template of the key.
        template: &'static str,
        /// The first line of what the error's `Display` writes; the error's type if it has none, or if the
        /// recompute was given to `get_or_set`.
        error: &'a str,
    },
    /// A load was dropped because its caller was, while others waited for it. One of them begins again.
    #[non_exhaustive]
    LoadDropped {
        /// The template of the key.
        template: &'static str,
    },
    /// The store did not take an invalidation that may be late, so a task sends the invalidation again.
    #[non_exhaustive]
    InvalidationPending {
        /// The template of the key.
        template: &'static str,
    },
    /// A value was served that is due for a refresh in a task, and no further task may run.
    #[non_exhaustive]
    SkippedRefresh {
        /// The template of the key.
        template: &'static str,
    },
    /// A call ran its body without its cache.
    #[non_exhaustive]
    UnusableCall {
        /// The template of the key.
        template: &'static str,
        /// What is wrong with the call.
        problem: &'a str,
    },
}

/// How a lease was lost: a part of an [`Event`], which has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseLoss {
    /// The key was invalidated or set, which voids the loads that are under way.
    Voided,
    /// The lease was not renewed in time: its load kept the thread, or was not polled.
    Expired,
    /// The load took longer than `load_timeout`.
    TimedOut,
}

impl Event<'_> {
    /// The trouble that the event tells of; `None` if it tells of none.
    pub fn trouble(&self) -> Option<Trouble> {
        Some(match self {
            Self::StoreDown { .. } => Trouble::Outage,
            Self::StoreSlow { .. } => Trouble::SlowOperation,
            Self::StoreDegraded { .. } => Trouble::Degraded,
            Self::StrayReply { .. } => Trouble::StrayReply,
            Self::LeaseLost { loss: LeaseLoss::Expired | LeaseLoss::TimedOut, .. } => {
                Trouble::LeaseExpired
            }
            Self::UndecodableEntry { .. } => Trouble::UndecodableEntry,
            Self::UnstorableValue { .. } => Trouble::UnstorableValue,
            Self::SwallowedError { .. } => Trouble::SwallowedError,
            Self::LoadDropped { .. } => Trouble::DroppedLoad,
            Self::InvalidationPending { .. } => Trouble::PendingInvalidation,
            Self::SkippedRefresh { .. } => Trouble::SkippedRefresh,
            Self::UnusableCall { .. } => Trouble::UnusableCall,
            Self::Request { .. }
            | Self::LoadBegan { .. }
            | Self::Load { .. }
            | Self::Operation { .. }
            | Self::StoreFailed { .. }
            | Self::StoreStillDown { .. }
            | Self::StoreUp { .. }
            | Self::StoreRestored { .. }
            | Self::PrimaryChanged { .. }
            | Self::LeaseLost { loss: LeaseLoss::Voided, .. } => return None,
        })
    }
}

impl fmt::Display for Event<'_> {
    #[allow(clippy::too_many_lines)] // a sentence for each
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { result, .. } => write!(f, "a call was served: {result}"),
            Self::LoadBegan { bypass: None, .. } => f.write_str("a load begins"),
            Self::LoadBegan { bypass: Some(reason), .. } => {
                write!(f, "a load begins without a lease: {reason}")
            }
            Self::Load { outcome: LoadOutcome::Panicked, .. } => f.write_str("a load panicked"),
            Self::Load { outcome, bypass: None, took, .. } => {
                write!(f, "a load ended after {took:?}: {outcome}")
            }
            Self::Load { outcome, bypass: Some(reason), took, .. } => {
                write!(f, "a load without a lease ({reason}) ended after {took:?}: {outcome}")
            }
            Self::Operation { operation, took, succeeded } => {
                let how = if *succeeded { "ended" } else { "failed" };
                write!(f, "the store's {operation} {how} after {took:?}")
            }
            Self::StoreFailed { operation: Operation::Invalidate, error, .. } => {
                write!(f, "the store did not take an invalidation, so the entry may still be served: {error}")
            }
            Self::StoreFailed { operation, error, .. } => write!(
                f,
                "the store failed ({operation}), and the call goes on without it: {error}"
            ),
            Self::StoreSlow { took, op_timeout } => write!(
                f,
                "the store took {took:?} for one operation, and a call waits for {op_timeout:?} (`op_timeout`) \
                 at most for all of its own; calls will run their bodies if this goes on"
            ),
            Self::StoreDown { error } => write!(
                f,
                "the store failed several times in a row, and is not contacted until it answers a probe; calls \
                 run their bodies: {error}"
            ),
            Self::StoreStillDown { error } => {
                write!(f, "the store does not answer a probe: {error}")
            }
            Self::StoreUp { server, down_for, bypassed, replaced: true } => write!(
                f,
                "other nodes of the cluster hold the slots of Redis at {server}, which was down for {down_for:.1?}; \
                 {bypassed} bodies ran meanwhile"
            ),
            Self::StoreUp { server, down_for, bypassed, replaced: false } => write!(
                f,
                "Redis at {server} answers again after {down_for:.1?}; {bypassed} bodies ran meanwhile"
            ),
            Self::StoreDegraded { problem } => f.write_str(problem),
            Self::StoreRestored { what } => f.write_str(what),
            Self::PrimaryChanged { name, before, now } => write!(
                f,
                "the primary `{name}` is Redis at {now} now; the connections to {before} are closed"
            ),
            Self::StrayReply { .. } => f.write_str(
                "a reply held the entry of another key: it was not served, and the connection is replaced; \
                 something between this process and the store mixes up replies",
            ),
            Self::LeaseLost { loss: LeaseLoss::Voided, .. } => f.write_str(
                "a lease is gone although its time is not over, mostly because the key was invalidated or set; the \
                 value of its load is served to its own caller only",
            ),
            Self::LeaseLost { loss: LeaseLoss::Expired, after, .. } => write!(
                f,
                "a lease ran out {after:.1?} after its load began, so the value is not stored: Redis did not answer \
                 the renewals, or the load keeps its thread, or it is not polled; run blocking code in \
                 `cachefence::blocking`, or raise `lock_timeout`"
            ),
            Self::LeaseLost { loss: LeaseLoss::TimedOut, after, .. } => write!(
                f,
                "a load has taken {after:.1?}, longer than `load_timeout`: its lease is not renewed any more, and its \
                 value is stored only if it comes before the lease ends"
            ),
            Self::UndecodableEntry { problem, .. } => write!(
                f,
                "an entry does not decode to the function's type, and is loaded anew: {problem}; two releases \
                 with different types may share the key"
            ),
            Self::UnstorableValue { problem, .. } => {
                write!(f, "a value is served and not stored: {problem}")
            }
            Self::SwallowedError { error, .. } => write!(
                f,
                "a load failed, and its error is not returned because a value could be served: {error}"
            ),
            Self::LoadDropped { .. } => f.write_str(
                "a load was dropped with its caller, mostly by a deadline, while others waited for it, and one of \
                 them begins again; where deadlines are near the time of a load, nothing is ever cached: use \
                 `detached`, or `get_or_set_detached`, so that loads outlive their callers",
            ),
            Self::InvalidationPending { .. } => f.write_str(
                "an invalidation waits until the store takes it; until then this process loads the value anew, and \
                 others may serve the old one",
            ),
            Self::SkippedRefresh { .. } => f.write_str(
                "a value is served that is due for a refresh, which is left to a later call: as many loads run as may \
                 that nobody waits for, so they take long, or hang",
            ),
            Self::UnusableCall { problem, .. } => {
                write!(f, "a call runs its body without the cache: {problem}")
            }
        }
    }
}
