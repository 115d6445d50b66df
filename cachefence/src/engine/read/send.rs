//! Sending one read to the store.
//!
//! A read is not sent while an invalidation of its key is pending, because the store still holds what
//! was to be removed. The end of each read is told to its slot, by the [`ReadGuard`], whatever the
//! read found: that lets the next read begin, and teaches how the key is read best. A failed read is
//! reported here, once for all its callers.

use std::future::Future;

use tokio::time::Instant;

use super::found::{Found, ReadEntry, SharedRead, Unavailable, found};
use super::hints::ReadResult;
use super::slots::ReadGuard;
use crate::engine::call::Call;
use crate::engine::parts::Engine;
use crate::error::StoreError;
use crate::key::Key;
use crate::observe::{BypassReason, Operation};
use crate::share::Decoded;
use crate::store::{Snapshot, StoreFuture, StoreResult};

/// How long the payload of a small entry is at most, in bytes. Up to this, a read costs about as much
/// as waiting for another one.
const SMALL: usize = 2 * 1024;

/// Reads the entry from the store, unless an invalidation of it is pending.
#[inline]
pub(in crate::engine) fn read_entry<'a>(
    engine: &'a Engine,
    key: &'a Key,
) -> StoreResult<'a, Option<Snapshot>> {
    if engine.invalidations.is_pending(key) {
        engine.invalidations.retry();
        return StoreFuture::ready(Err(StoreError::invalidation_pending()));
    }
    engine.observers.asked(Operation::Read);
    engine.store.read(key)
}

/// Reads for this call only. Also returns when the read was sent, if the call's budget does not hold
/// its time yet.
pub(super) async fn read_alone(
    engine: &Engine,
    call: &Call<'_>,
    guard: ReadGuard<'_, Option<SharedRead>>,
) -> (Found, Option<Instant>) {
    match send(engine, call, guard).await {
        Some((entry, sent)) => (found(entry, Decoded::for_one()), sent),
        None => (Found::Unavailable(BypassReason::StoreSlow), None),
    }
}

/// Sends a read and waits for it. `None` if this call has no budget left, which says nothing of the
/// store. Also returns when the read was sent, if the call's budget does not hold its time yet.
pub(super) fn send(
    engine: &Engine,
    call: &Call<'_>,
    guard: ReadGuard<'_, Option<SharedRead>>,
) -> impl Future<Output = Option<(ReadEntry, Option<Instant>)>> {
    async move {
        let (entry, sent) = if call.budget.spent().is_zero() {
            let sent = Instant::now();
            // The first read needs no limit here, because the store itself allows no more than the
            // whole budget.
            (read_entry(engine, call.key).await, Some(sent))
        } else {
            let read = read_entry(engine, call.key);
            (Box::pin(call.within_budget(&*engine.store, read)).await?, None)
        };
        guard.finish(match &entry {
            Ok(Some(found)) if found.payload.len() <= SMALL => ReadResult::Small,
            Ok(_) => ReadResult::Large,
            Err(_) => ReadResult::Unavailable,
        });
        Some((entry.map_err(|error| unavailable(engine, call.key, &error)), sent))
    }
}

/// Tells of a read that failed.
#[cold]
pub(super) fn unavailable(engine: &Engine, key: &Key, error: &StoreError) -> Unavailable {
    engine.observers.store_failed(Operation::Read, key, error);
    Unavailable(BypassReason::of(error))
}
