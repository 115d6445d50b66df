//! Leading a load: getting the lease, then running the body.
//!
//! The leader asks the store for the key's lease. While another process holds it, a leader that has
//! nothing to serve waits: for a wake-up from the store, for the end of that lease, or until its own
//! limit is over. A leader that holds a value serves it instead. With the lease, or if the store
//! cannot be asked, the leader runs the body; see [`run`](super::run). If another process has stored a
//! newer entry meanwhile, the leader serves that and lands it.
//!
//! The lease travels in the baton as its cargo. So a leader that is dropped leaves the lease to the
//! next one, and nothing is acquired twice.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use super::backoff::Backoff;
use super::ending::{finish_store, servable};
use super::next::{Next, Served};
use super::run::run;
use crate::engine::body::Body;
use crate::engine::call::{Attempt, Call, Purpose, Seen};
use crate::engine::landing::{Encoded, Landing, Leader, Origin};
use crate::engine::parts::Engine;
use crate::engine::ticket::Ticket;
use crate::error::StoreError;
use crate::observe::{BypassReason, LoadSpan, Operation, RequestResult};
use crate::race::{First, race};
use crate::store::{Acquired, Kind, Snapshot, Watch};
use crate::time::{sleep, sleep_until};

/// How the attempt to get a lease ended.
enum Obtained {
    /// Run the body; the store will take the value.
    Lease,
    /// Run the body; the store cannot be asked.
    NoStore(BypassReason),
    /// There is another entry now, read at `begun` or later.
    Newer { begun: Ticket, entry: Snapshot },
    /// Another process holds the lease, and the call has waited long enough, or does not wait.
    HeldElsewhere,
}

/// Works for the flight of `baton`. Whenever this future is dropped, the baton passes on, with the
/// lease if there is one.
pub(in crate::engine) async fn lead(
    engine: &Engine,
    call: &Call<'_>,
    mut baton: Leader,
    mut attempt: Attempt,
    body: &Body<'_>,
) -> Next {
    if baton.cargo.as_ref().is_some_and(|lease| lease.unfinished().is_some()) {
        return finish_store(engine, call, baton).await;
    }
    loop {
        match obtain(engine, call, &mut baton, &attempt).await {
            Obtained::Lease => return run(engine, call, baton, None, attempt.held, body).await,
            Obtained::NoStore(reason) => {
                return run(engine, call, baton, Some(reason), attempt.held, body).await;
            }
            Obtained::Newer { begun, entry } => {
                // An entry that was written after the call read is new, and may be served however
                // short its ttl is. A call that has not read does not know whether the entry is new,
                // and where there is a retry-at or a mark, that may have been all that was written.
                let is_new = attempt.seen != Seen::Unread
                    && entry.retry_at.is_none()
                    && entry.kind == Kind::Value;
                attempt.seen = Seen::Revision(entry.revision);
                let is_servable = if is_new {
                    call.decodes(engine, &entry.payload)
                } else {
                    servable(engine, call, &entry)
                };
                if is_servable {
                    let value = Encoded::for_many(entry.payload);
                    // A stale value that is served because of its retry-at is not landed: each joiner
                    // judges it by its own stale windows.
                    let (landing, result) = if is_new || entry.expiry > entry.now {
                        let origin = Origin { begun, fenced: false, load: LoadSpan::none() };
                        (Landing::Value { value: value.clone(), origin }, RequestResult::Waited)
                    } else {
                        (Landing::ReadAgain, RequestResult::Stale)
                    };
                    baton.land(landing);
                    return Next::Serve(Served::Value(value, result));
                }
            }
            Obtained::HeldElsewhere => {
                return match attempt.held {
                    Some(held) => held.into(),
                    None => Next::Guest,
                };
            }
        }
    }
}

/// Asks for the lease until it is granted, a newer entry is there, or the call's limit is over.
async fn obtain(
    engine: &Engine,
    call: &Call<'_>,
    baton: &mut Leader,
    attempt: &Attempt,
) -> Obtained {
    if baton.cargo.as_ref().is_some_and(|lease| lease.is_held()) {
        return Obtained::Lease;
    }
    if let Seen::Unavailable(reason) = attempt.seen {
        baton.cargo = None;
        return Obtained::NoStore(reason);
    }
    let waits = attempt.purpose == Purpose::Miss;
    let without_store =
        |reason| if waits { Obtained::NoStore(reason) } else { Obtained::HeldElsewhere };
    let mut waiting = None;
    let mut backoff = Backoff::new();
    let mut may_ask_again = engine.store.traits().wakes && engine.store.status().pushes;
    let mut watch = (waits && may_ask_again).then(Watch::default);
    loop {
        let begun = engine.tickets.next();
        if engine.invalidations.is_pending(call.key) {
            // The store still holds what was to be removed, so it is not asked. An invalidation that
            // is asked for after this check does no harm: the calls that know of it are later than
            // `begun`, and so are not given what is found here.
            baton.cargo = None;
            return without_store(BypassReason::InvalidationPending);
        }
        let spent = call.budget.spent();
        let lease =
            baton.cargo.get_or_insert_with(|| engine.lease(call.key, call.policy.lock_timeout));
        let acquire = lease.acquire(attempt.seen_revision(), watch.as_ref());
        let acquired = call.within_budget(&*engine.store, acquire).await;
        let remaining = match acquired.unwrap_or_else(|| Err(StoreError::too_slow())) {
            Ok(Acquired::Lease) => return Obtained::Lease,
            Ok(Acquired::Newer(entry)) => return Obtained::Newer { begun, entry },
            Ok(Acquired::Held(_)) if !waits => return Obtained::HeldElsewhere,
            Ok(Acquired::Held(held)) => held.remaining(),
            Err(error) if watch.as_ref().is_some_and(Watch::was_armed) => {
                engine.observers.store_failed(Operation::Acquire, call.key, &error);
                // A watch needs a connection of its own, which may be what failed. The lease is asked
                // for once more, without a watch.
                (may_ask_again, watch) = (false, None);
                continue;
            }
            Err(error) => {
                engine.observers.store_failed(Operation::Acquire, call.key, &error);
                // The store may still grant the lease that was asked for. Such a lease proves nothing,
                // because an invalidation may have come before the grant, so it is given up.
                baton.cargo = None;
                return without_store(BypassReason::of(&error));
            }
        };
        waiting.get_or_insert_with(|| call.wait(engine));
        // The call now waits for another process's load, not for the store, so this acquire is not
        // charged to the budget.
        call.budget.set(spent);
        if may_ask_again && watch.as_ref().is_some_and(|watch| !watch.is_armed()) {
            // A store may arm the watch only of a caller that turns out to wait. The lease may have
            // been given back meanwhile, so the store is asked again at once.
            may_ask_again = false;
            continue;
        }
        let watched = watch.as_ref().filter(|watch| watch.is_armed());
        let pause = backoff.next(watched.is_some(), engine.chance.fraction());
        // The store counts whole milliseconds, so the lease is over one millisecond after `remaining`.
        let pause = sleep(pause.min(remaining.saturating_add(Duration::from_millis(1))));
        let changed = async {
            match watched {
                Some(watch) => watch.changed().await,
                None => pending().await,
            }
        };
        let (pause, changed) = (pin!(pause), pin!(changed));
        let ask_again = pin!(race(pause, changed));
        let limit = pin!(sleep_until(call.waits_until(attempt)));
        if let First::B(()) = race(ask_again, limit).await {
            return Obtained::HeldElsewhere;
        }
    }
}
