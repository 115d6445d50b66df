//! Leading a load: getting the lease, then running the body.
//!
//! The leader asks the store for the key's lease, and goes on by the answer:
//!
//! - It has the lease, or the store cannot be asked: it runs the body; see [`run`](super::run).
//! - Another process has stored a newer entry meanwhile: the leader serves that and lands it.
//! - Others hold the lease. A leader that has something to serve serves it. One that has nothing waits: for a
//!   wake-up from the store, for the end of that lease, or until its own limit is over. When the process has
//!   known the same holder for `wait_for_lock`, the leader asks for the *hedge*, a second lease beside the
//!   first.
//! - The others' load has ended in nothing: the lease that the leader was told of is gone before its time, and
//!   there is no newer entry. The leader asks once more, and loads at once: under the lease, or as a *guest*
//!   of those who hold it. So nobody waits for a second load that may fail too.
//!
//! The lease travels in the baton as its cargo. So a leader that is dropped leaves the lease to the
//! next one, and nothing is acquired twice.

use std::future::pending;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use super::ending::{finish_store, servable};
use super::holders::Told;
use super::kept::Foreign;
use super::next::{Hedge, Next, Served};
use super::run::run;
use crate::chance::Chance;
use crate::engine::body::Body;
use crate::engine::call::{Attempt, Call, Purpose, Seen};
use crate::engine::flight::Turn;
use crate::engine::landing::{Encoded, Joiner, Landing, Leader, Origin};
use crate::engine::parts::Engine;
use crate::engine::ticket::Ticket;
use crate::error::{StoreError, StoreErrorKind};
use crate::observe::{BypassReason, LoadSpan, Operation, RequestResult};
use crate::race::{First, race};
use crate::store::{Acquired, Held, Kind, Snapshot, Take, Watch};
use crate::time::sleep_until;

/// How the attempt to get a lease ended.
enum Obtained {
    /// Run the body; the store will take the value.
    Lease,
    /// Run the body without a lease, for this reason: as a guest of those who hold it, or because the store
    /// cannot be asked.
    NoLease(BypassReason),
    /// There is another entry now, read at `begun` or later.
    Newer { begun: Ticket, entry: Snapshot },
    /// Another process holds the lease, and the call has waited long enough, or does not wait.
    HeldElsewhere,
}

/// Works for the flight of `baton`, and asks for its lease by `take`. Whenever this future is dropped, the baton
/// passes on, with the lease if there is one.
pub(in crate::engine) async fn lead(
    engine: &Engine,
    call: &Call<'_>,
    mut baton: Leader,
    mut attempt: Attempt,
    take: Take,
    body: &Body<'_>,
) -> Next {
    // What others load, and began to before, is not to be stored after this, so nobody is waited for.
    let take = if call.is_forced() { Take::Force } else { take };
    if baton.cargo.as_ref().is_some_and(|lease| lease.unfinished().is_some()) {
        return finish_store(engine, call, baton).await;
    }
    loop {
        match obtain(engine, call, &mut baton, &mut attempt, take).await {
            Obtained::Lease => return run(engine, call, baton, None, attempt, body).await,
            Obtained::NoLease(reason) => {
                return run(engine, call, baton, Some(reason), attempt, body).await;
            }
            Obtained::Newer { begun, entry } => {
                // An entry that was written after the call read is new, and may be served however
                // short its ttl is. A call that has not read does not know whether the entry is new,
                // and where there is a retry-at or a mark, that may have been all that was written.
                let had_read = attempt.seen != Seen::Unread;
                let is_new = had_read && entry.retry_at.is_none() && entry.kind == Kind::Value;
                (attempt.seen, attempt.foreign) = (Seen::Revision(entry.revision), None);
                let is_servable = if is_new {
                    let decodes = call.decodes(engine, &entry.payload);
                    let (revision, expiry) = (entry.revision, entry.expiry);
                    attempt.foreign = (!decodes).then_some(Foreign { revision, expiry });
                    decodes
                } else {
                    servable(engine, call, &entry)
                };
                if is_servable {
                    return serve_newer(baton, begun, entry, is_new);
                }
                match (attempt.purpose, attempt.held.take()) {
                    // There is something to serve, and the others' load ended in nothing.
                    (Purpose::Refresh, Some(held)) if entry.kind != Kind::Value => {
                        return held.into();
                    }
                    (Purpose::AtOnce(reason), held) if had_read => {
                        // Others end in nothing again and again.
                        (baton.cargo, attempt.held) = (None, held);
                        return run(engine, call, baton, Some(reason), attempt, body).await;
                    }
                    (purpose, held) => {
                        attempt.held = held;
                        let is_mark = entry.kind == Kind::Uncacheable;
                        if purpose == Purpose::Miss && (had_read || is_mark) {
                            attempt.purpose = Purpose::at_once(&entry);
                        }
                    }
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

/// Leads a load beside the one that was overtaken. If that one gives a value first, that is served.
pub(in crate::engine) async fn lead_hedge(
    engine: &Engine,
    call: &Call<'_>,
    hedge: Hedge,
    body: &Body<'_>,
) -> Next {
    let Hedge { baton, overtaken, attempt } = hedge;
    let flight = Arc::clone(&baton.flight);
    let led = pin!(lead(engine, call, baton, attempt, Take::Beside, body));
    match race(led, pin!(value_of(engine, call, overtaken))).await {
        First::A(next) => next,
        First::B((value, origin)) => {
            // Those who joined the hedge may know of more than those who joined what it overtook.
            let origin = Origin { fenced: false, ..origin };
            flight.dismiss(Landing::Value { value: value.clone(), origin });
            Next::Serve(Served::Value(value, RequestResult::Joined))
        }
    }
}

/// The value that the flight lands, if it lands one that the call may have; else this never ends.
async fn value_of(engine: &Engine, call: &Call<'_>, joiner: Joiner) -> (Encoded, Origin) {
    let turn = joiner.await;
    if let Turn::Landed(Landing::Value { value, origin }) = turn {
        if call.may_have(&origin) && call.decodes(engine, &value.payload) {
            return (value, origin);
        }
    } else {
        drop(turn); // a baton that is offered is left to the other members
    }
    pending().await
}

/// Serves the entry that is there now, and lands it.
fn serve_newer(baton: Leader, begun: Ticket, entry: Snapshot, is_new: bool) -> Next {
    let value = Encoded::for_many(entry.payload);
    // A stale value that is served because of its retry-at is not landed: each joiner
    // judges it by its own stale windows.
    let (landing, result) = if is_new || entry.expiry > entry.now {
        let origin = Origin { begun, is_load: false, fenced: false, load: LoadSpan::none() };
        (Landing::Value { value: value.clone(), origin }, RequestResult::Waited)
    } else {
        (Landing::ReadAgain, RequestResult::Stale)
    };
    baton.land(landing);
    Next::Serve(Served::Value(value, result))
}

/// Asks for the lease until it is granted, a newer entry is there, or the call's limit is over.
async fn obtain(
    engine: &Engine,
    call: &Call<'_>,
    baton: &mut Leader,
    attempt: &mut Attempt,
    mut take: Take,
) -> Obtained {
    if baton.cargo.as_ref().is_some_and(|lease| lease.is_held()) {
        return Obtained::Lease;
    }
    if let Seen::Unavailable(reason) = attempt.seen {
        baton.cargo = None;
        return Obtained::NoLease(reason);
    }
    let waits = attempt.purpose == Purpose::Miss;
    let without_store = |purpose, reason| match purpose {
        Purpose::Refresh => Obtained::HeldElsewhere,
        Purpose::Miss | Purpose::AtOnce(_) => Obtained::NoLease(reason),
    };
    let mut waiting = None;
    let mut told = Told::default();
    let mut backoff = Backoff::new();
    let (mut is_woken, mut was_lost) = (false, false);
    // A store that has refused to wake tries again by itself, so the watch is there in either case.
    let wakes = engine.store.traits().wakes;
    let mut may_ask_again = wakes && engine.store.status().pushes;
    let mut watch = (waits && wakes && take != Take::Force).then(Watch::default);
    loop {
        let begun = engine.tickets.next();
        if engine.invalidations.is_pending(call.key) {
            // The store still holds what was to be removed, so it is not asked. An invalidation that
            // is asked for after this check does no harm: the calls that know of it are later than
            // `begun`, and so are not given what is found here.
            baton.cargo = None;
            return without_store(attempt.purpose, BypassReason::InvalidationPending);
        }
        let spent = call.budget.spent();
        let asked = Instant::now();
        let lease =
            baton.cargo.get_or_insert_with(|| engine.lease(call.key, call.policy.lock_timeout));
        let acquire = lease.acquire(take, attempt.seen_revision(), watch.as_ref());
        let acquired = call.within_budget(&*engine.store, acquire).await;
        let held = match acquired.unwrap_or_else(|| Err(StoreError::too_slow())) {
            Ok(Acquired::Lease) => {
                // Beside the hedge the other holder may be there still.
                if take == Take::IfFree {
                    engine.holders.forget(call.key.as_str());
                    if told.ended_early(&Held::default(), asked) {
                        attempt.purpose = Purpose::AtOnce(BypassReason::NotShared);
                    }
                }
                return Obtained::Lease;
            }
            Ok(Acquired::Newer(entry)) => return Obtained::Newer { begun, entry },
            Ok(Acquired::Held(held)) => held,
            Err(error) if watch.as_ref().is_some_and(Watch::was_armed) => {
                engine.observers.store_failed(Operation::Acquire, call.key, &error);
                // A watch needs a connection of its own, which may be what failed. The lease is asked
                // for once more, without a watch.
                (may_ask_again, watch) = (false, None);
                continue;
            }
            // The request was lost with its connection, and there is another connection by now. The next request has
            // another token; the first token is given up, and released in case it was taken.
            Err(error) if is_lost(&error) && !mem::replace(&mut was_lost, true) => continue,
            Err(error) => {
                engine.observers.store_failed(Operation::Acquire, call.key, &error);
                // The store may still grant the lease that was asked for. Such a lease proves nothing,
                // because an invalidation may have come before the grant, so it is given up.
                baton.cargo = None;
                return without_store(attempt.purpose, BypassReason::of(&error));
            }
        };
        if told.ended_early(&held, asked) {
            attempt.purpose = Purpose::AtOnce(BypassReason::NotShared);
        }
        if let Purpose::AtOnce(reason) = attempt.purpose {
            lease.be_guest_of(&held);
            return Obtained::NoLease(reason);
        }
        let is_news = told.note(&held, asked);
        backoff.note(is_woken, is_news);
        let known_since = engine.holders.note(call.key.as_str(), &held);
        let is_late = if attempt.is_refresh() {
            call.is_late_refresh(known_since)
        } else {
            call.is_late(known_since)
        };
        if take == Take::IfFree && is_late {
            take = Take::Beside;
            continue;
        }
        if !waits {
            return Obtained::HeldElsewhere;
        }
        waiting.get_or_insert_with(|| call.wait(engine));
        baton.flight.beat();
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
        let pause = pause.min(held.remaining().saturating_add(Duration::from_millis(1)));
        // When the holder is late, the hedge is asked for at once.
        let late_at = call.late_at(known_since).filter(|_| take == Take::IfFree);
        let ask_at = [Instant::now().checked_add(pause), late_at].into_iter().flatten().min();
        let limit = pin!(sleep_until(call.waits_until(attempt, None)));
        let change = change(watched, ask_at, asked, &mut backoff, &engine.chance);
        match race(pin!(change), limit).await {
            First::A(woken) => is_woken = woken,
            First::B(()) => return Obtained::HeldElsewhere,
        }
    }
}

fn is_lost(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Lost
}

/// Waits until the store tells of a change, if it does, or until `ask_at`. Returns whether the store did. A waiter that
/// is woken in vain, and last `asked` a moment ago, pauses before it is told.
async fn change(
    watched: Option<&Watch>,
    ask_at: Option<Instant>,
    asked: Instant,
    backoff: &mut Backoff,
    chance: &Chance,
) -> bool {
    let changed = async {
        match watched {
            Some(watch) => watch.changed().await,
            None => pending().await,
        }
    };
    let First::A(()) = race(pin!(changed), pin!(sleep_until(ask_at))).await else { return false };
    let pause = backoff.after_wake(asked.elapsed(), chance.fraction());
    if !pause.is_zero() {
        let paused = Instant::now().checked_add(pause);
        sleep_until([paused, ask_at].into_iter().flatten().min()).await;
    }
    true
}
