//! Tickets: the order in which calls, reads and loads began in this process.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// A place in the order in which calls, reads and recomputes began in this process.
///
/// A caller may be served with the result of any read or load that *began* after the caller's own
/// call, because that result cannot be older than what the caller knew. The result of one that began
/// before needs another proof, such as a fenced store that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(NonZeroU64);

/// Hands out tickets.
#[derive(Debug, Default)]
pub(crate) struct Tickets(AtomicU64);

impl Tickets {
    /// A ticket later than all that have been handed out.
    pub(crate) fn next(&self) -> Ticket {
        // What happened before a call also happened before this addition, and additions to one atomic
        // are totally ordered, so a relaxed addition would do. But this is no hot path, and the
        // strongest ordering needs no argument.
        Ticket(NonZeroU64::MIN.saturating_add(self.0.fetch_add(1, Ordering::SeqCst)))
    }
}
