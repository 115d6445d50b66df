//! The order in which things began.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// A place in the order in which calls, reads and recomputes began in this process.
///
/// A caller may be served with whatever was *begun* after the caller's own call was: it cannot
/// hold anything older than what the caller knew. What was begun before needs another proof, such
/// as a fenced store that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(NonZeroU64);

/// Hands out tickets.
#[derive(Debug, Default)]
pub(crate) struct Tickets(AtomicU64);

impl Tickets {
    /// A ticket later than all that have been handed out.
    pub(crate) fn next(&self) -> Ticket {
        // What a caller knows happened before its call also happened before this addition, and
        // additions to one atomic are totally ordered: nothing stronger is needed, but this is no
        // hot path, and the strongest ordering needs no argument.
        Ticket(NonZeroU64::MIN.saturating_add(self.0.fetch_add(1, Ordering::SeqCst)))
    }
}
