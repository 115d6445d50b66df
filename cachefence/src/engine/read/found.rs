//! The result of a read, for one caller and for all that wait for it.
//!
//! A [`SharedRead`] is what a next read lands for its members, and a [`Found`] what each of them goes
//! on with. The payload is shared and not copied, and [`Decoded`] is where the first caller may leave
//! its decoded value for the others.

use tokio::time::Instant;

use crate::engine::landing::Joiner;
use crate::observe::BypassReason;
use crate::share::Decoded;
use crate::store::Snapshot;

/// The result of a call's read.
pub(crate) enum Found {
    Entry(Snapshot, Decoded),
    Nothing,
    /// The store cannot be read, which has been reported.
    Unavailable(BypassReason),
    /// A load of the key is under way in this process, so there was no need to read.
    Loading(Joiner),
    /// The call loads whatever there is, so it has not read.
    Unread,
    /// The cache is disabled.
    Disabled,
}

/// The result of a read for all callers that wait for it.
#[derive(Clone)]
pub(in crate::engine) struct SharedRead {
    pub(super) entry: ReadEntry,
    pub(super) decoded: Decoded,
    pub(super) landed: Instant,
}

/// The store cannot be read, which has been reported.
#[derive(Clone)]
pub(super) struct Unavailable(pub(super) BypassReason);

/// An entry as it was read; `None` if there is none.
pub(super) type ReadEntry = Result<Option<Snapshot>, Unavailable>;

/// The result of a read, for a call that sent it or waited for it.
pub(super) fn found(entry: ReadEntry, decoded: Decoded) -> Found {
    match entry {
        Ok(Some(entry)) => Found::Entry(entry, decoded),
        Ok(None) => Found::Nothing,
        Err(Unavailable(reason)) => Found::Unavailable(reason),
    }
}
