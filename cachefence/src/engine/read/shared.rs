//! One read of an entry, shared with other callers where there are any.
//!
//! A call first looks for a cold load of its key in this process, and joins that without reading, unless it has a
//! stale window. Else it reads: alone if nobody else reads the key, which is the usual hit and needs no allocation, or by
//! the key's next read. A store that answers at once is simply read, because such a read leaves
//! nothing to share.

use std::future::Future;

use tokio::time::Instant;

use super::found::{Found, found};
use super::next::{OnLoad, join_load, read_next};
use super::send::{read_alone, read_entry, unavailable};
use crate::engine::call::Call;
use crate::engine::parts::{Answers, Engine};
use crate::share::Decoded;
use crate::store::Snapshot;

/// Reads the entry, or finds that a load of it is under way here.
pub(in crate::engine) fn read(engine: &Engine, call: &mut Call<'_>) -> impl Future<Output = Found> {
    async move {
        if engine.is_disabled() {
            return Found::Disabled;
        }
        if call.is_forced() {
            return Found::Unread;
        }
        // Where the store answers at once, callers have nothing to share.
        if engine.answers == Answers::AtOnce {
            let entry = read_entry(engine, call.key).await;
            let entry = entry.map_err(|error| unavailable(engine, call.key, &error));
            return found(entry, Decoded::for_one());
        }
        call.ticket.get_or_insert_with(|| engine.tickets.next());
        // A call with a stale window may find a value to serve where the call that loads found none.
        let on_load = if call.forgives() { OnLoad::Ignore } else { OnLoad::Join };
        if let Some(joiner) = join_load(&engine.loads, call.key, on_load) {
            return Found::Loading(joiner);
        }
        let (found, sent) = read_shared(engine, call, on_load).await;
        if let Some(sent) = sent {
            call.budget.leave_unsettled(sent);
        }
        found
    }
}

/// Reads the entry even if a load of it is under way, for a call that needs the value that is stored
/// now.
pub(in crate::engine) async fn read_past_loads(
    engine: &Engine,
    call: &Call<'_>,
) -> Option<Snapshot> {
    let (found, sent) = read_shared(engine, call, OnLoad::Ignore).await;
    if let Some(sent) = sent {
        call.budget.add_since(sent);
    }
    match found {
        Found::Entry(entry, _) => Some(entry),
        Found::Nothing
        | Found::Unavailable(_)
        | Found::Loading(_)
        | Found::Unread
        | Found::Disabled => None,
    }
}

/// Reads alone where nobody else reads the key, else joins its next read. Also returns when the read
/// was sent, if the call's budget does not hold its time yet.
async fn read_shared(
    engine: &Engine,
    call: &Call<'_>,
    on_load: OnLoad,
) -> (Found, Option<Instant>) {
    let slot = engine.reads.of(call.key.as_str());
    match engine.reads.try_start(slot) {
        Some(guard) => read_alone(engine, call, guard).await,
        None => (read_next(engine, call, slot, on_load).await, None),
    }
}
