//! What a read finds, for one caller and for all who wait for it.

use tokio::time::Instant;

use crate::engine::landing::Joiner;
use crate::share::Decoded;
use crate::store::Snapshot;

/// What a call finds when it reads.
pub(crate) enum Found {
    Entry(Snapshot, Decoded),
    Nothing,
    /// The store cannot be read, which has been reported.
    Unavailable,
    /// A load is under way here, so there was no need to read.
    Loading(Joiner),
}

/// What a read comes to for all who wait for it.
#[derive(Clone)]
pub(in crate::engine) struct SharedRead {
    pub(super) entry: ReadEntry,
    pub(super) decoded: Decoded,
    pub(super) landed: Instant,
}

/// The store cannot be read, which has been reported.
#[derive(Clone)]
pub(super) struct Unavailable;

/// What a read comes to.
pub(super) type ReadEntry = Result<Option<Snapshot>, Unavailable>;

/// What a call is told that waited for a read, or sent it.
pub(super) fn found(entry: ReadEntry, decoded: Decoded) -> Found {
    match entry {
        Ok(Some(entry)) => Found::Entry(entry, decoded),
        Ok(None) => Found::Nothing,
        Err(Unavailable) => Found::Unavailable,
    }
}
