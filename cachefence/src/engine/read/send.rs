//! Sending one read, and what it finds.

use std::future::Future;

use tokio::time::Instant;

use super::found::{Found, ReadEntry, SharedRead, Unavailable, found};
use super::hints::ReadResult;
use super::slots::ReadGuard;
use crate::engine::call::Call;
use crate::engine::parts::Engine;
use crate::error::StoreError;
use crate::key::Key;
use crate::report;
use crate::share::Decoded;
use crate::store::{Snapshot, StoreFuture, StoreResult};

/// The payload up to which a read costs about as much as waiting for another one, in bytes.
const SMALL: usize = 2 * 1024;

/// Asks the store for the entry, unless an invalidation of it has not reached the store yet.
pub(in crate::engine) fn read_entry<'a>(
    engine: &'a Engine,
    key: &'a Key,
) -> StoreResult<'a, Option<Snapshot>> {
    if engine.invalidations.is_pending(key) {
        engine.invalidations.retry();
        let message = "an invalidation of the entry has not reached the store yet";
        return StoreFuture::ready(Err(StoreError::unsaid(message)));
    }
    engine.store.read(key)
}

/// Reads for this call only.
pub(super) async fn read_alone(
    engine: &Engine,
    call: &Call<'_>,
    guard: ReadGuard<'_, Option<SharedRead>>,
) -> (Found, Option<Instant>) {
    match send(engine, call, guard).await {
        Some((entry, sent)) => (found(entry, Decoded::for_one()), sent),
        None => (Found::Unavailable, None),
    }
}

/// Sends a read and waits for it. `None` if this call has no time left for it, which says nothing of
/// the store. Also gives when the read was sent, if the call's budget does not hold its time yet.
pub(super) fn send(
    engine: &Engine,
    call: &Call<'_>,
    guard: ReadGuard<'_, Option<SharedRead>>,
) -> impl Future<Output = Option<(ReadEntry, Option<Instant>)>> {
    async move {
        let (entry, sent) = if call.budget.spent().is_zero() {
            let sent = Instant::now();
            // The store itself allows for no more.
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
        Some((reported(call.key, entry), sent))
    }
}

/// Reports why a read failed.
pub(super) fn reported(key: &Key, entry: Result<Option<Snapshot>, StoreError>) -> ReadEntry {
    entry.map_err(|error| {
        report::store_failed("read", key, &error);
        Unavailable
    })
}
