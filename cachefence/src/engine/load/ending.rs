//! The end of a load: store its value, or share its error, and say what may be served instead.
//!
//! The flight is sealed by now; see [`run`](super::run). The store is asked first, and the flight lands
//! afterwards, because its members have to be told whether the load was *fenced*: whether the lease was
//! still unbroken when the store took the value or the release. No ending takes longer than the caller's
//! budget, and none fails because of the store: where the store does not answer, the result is landed as
//! one that is not fenced, and [`Lease`](crate::lease::Lease) finishes in a task.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;

use super::decide::judge_without_draw;
use super::next::Next;
use crate::engine::call::Call;
use crate::engine::landing::{Encoded, Landing, Leader, Origin};
use crate::engine::parts::Engine;
use crate::engine::read::send::read_entry;
use crate::engine::read::shared::read_past_loads;
use crate::engine::ticket::Ticket;
use crate::error::StoreError;
use crate::freshness::{Freshness, capped_delta};
use crate::options::{self, SHORTEST};
use crate::report;
use crate::share::SharedErr;
use crate::store::{NewValue, Snapshot};
use crate::time::{ToItsEnd, in_time};

/// Ends a load that gave a value: stores the value if the lease still holds, and lands it.
pub(super) async fn store(
    engine: &Engine,
    call: &Call<'_>,
    mut baton: Leader,
    (begun, took): (Ticket, Duration),
    payload: Option<Bytes>,
    ttl: Option<Duration>,
) {
    let landing = match payload {
        Some(payload) => {
            let fenced = match (&mut baton.cargo, life(engine, call, payload.len(), ttl)) {
                (None, _) => false,
                (Some(lease), Some(ttl)) => {
                    let delta = capped_delta(took, ttl);
                    let stale = call.policy.stale.longest();
                    let value = NewValue { payload: payload.clone(), delta, ttl, stale };
                    // If the budget ends first, the lease carries the store to its end in a task.
                    let filled = call.within_budget(&*engine.store, lease.fill(value)).await;
                    let filled = filled.unwrap_or_else(|| Err(StoreError::too_slow()));
                    filled.unwrap_or_else(|error| {
                        report::store_failed("fill", call.key, &error);
                        false
                    })
                }
                (Some(lease), None) => {
                    call.within_budget(&*engine.store, lease.release()).await.unwrap_or(false)
                }
            };
            Landing::value(Encoded::for_many(payload), begun, fenced)
        }
        None => Landing::NotShared,
    };
    // A value that could not be encoded leaves the lease held. A lease whose store has just failed is
    // not released here: it puts itself right in a task, because its caller has waited enough.
    if let Some(mut lease) = baton.land(landing).filter(|lease| lease.is_held()) {
        call.within_budget(&*engine.store, lease.release()).await;
    }
}

/// How long a value of `bytes` bytes is valid, jitter included; `None` if it is not to be stored.
fn life(engine: &Engine, call: &Call<'_>, bytes: usize, ttl: Option<Duration>) -> Option<Duration> {
    let ttl = ttl?;
    if ttl.is_zero() {
        // A ttl of zero is how a value says that it is not to be cached, so there is nothing to report.
        return None;
    }
    if !options::is_storable(ttl) {
        report::not_kept(call.key, bytes, "its ttl is out of bounds");
        return None;
    }
    if bytes > call.policy.max_value_bytes {
        report::not_kept(call.key, bytes, "it is larger than `max_value_bytes`");
        return None;
    }
    if call.policy.jitter <= 0.0 {
        return Some(ttl);
    }
    let shortened = ttl.mul_f64(1.0 - call.policy.jitter * engine.chance.fraction());
    Some(shortened.max(SHORTEST))
}

/// Ends a load that failed: gives the lease back, which takes no longer than `limit`, and then lands the
/// error. If the caller is dropped, a task goes on, so that no other caller has to run into the same
/// failure. The lease goes first because the store's answer tells whether the key was invalidated
/// meanwhile: an error may say as much about the data as a value does.
pub(super) fn fail(
    mut baton: Leader,
    error: Option<SharedErr>,
    begun: Ticket,
    postpone: Option<Duration>,
    limit: Duration,
) -> ToItsEnd {
    ToItsEnd::new(async move {
        let over = async {
            match (&mut baton.cargo, postpone) {
                (Some(lease), Some(pause)) => lease.postpone(pause).await,
                (Some(lease), None) => lease.release().await,
                (None, _) => false,
            }
        };
        let fenced = in_time(limit, pin!(over)).await.unwrap_or(false);
        let landing = match error {
            Some(error) => Landing::Failed { error, origin: Origin { begun, fenced } },
            None => Landing::NotShared,
        };
        baton.land(landing);
    })
}

/// Ends a load that took longer than `recompute_timeout`, with the same limit and also in a task if need
/// be. The entry is marked not to be loaded for `pause`, and the members read again: those that may
/// serve a stale value find it with that mark, and serve it.
pub(super) fn give_up(mut baton: Leader, pause: Duration, limit: Duration) -> ToItsEnd {
    ToItsEnd::new(async move {
        if let Some(lease) = &mut baton.cargo {
            in_time(limit, pin!(lease.postpone(pause))).await;
        }
        baton.land(Landing::ReadAgain);
    })
}

/// Carries the store of a dropped leader to its end.
pub(super) async fn finish_store(engine: &Engine, call: &Call<'_>, mut baton: Leader) -> Next {
    let stored = match &mut baton.cargo {
        Some(lease) => {
            let payload = lease.unfinished().map(|value| value.payload.clone());
            match call.within_budget(&*engine.store, lease.finish()).await {
                Some(Ok(true)) => payload,
                _ => None,
            }
        }
        None => None,
    };
    let landing = match stored {
        // The value is fenced, so it does not matter when its load began.
        Some(payload) => Landing::value(Encoded::for_many(payload), engine.tickets.next(), true),
        None => Landing::ReadAgain,
    };
    baton.land(landing.clone());
    Next::after(call, landing)
}

/// A value that has arrived in the store, and a ticket from before it was read.
pub(super) struct Arrived {
    pub(super) begun: Ticket,
    pub(super) value: Encoded,
}

/// Reads the store for a value that can be served. `None` if there is none, or if the store cannot be
/// read in what is left of the call's budget.
pub(super) async fn arrived(engine: &Engine, call: &Call<'_>) -> Option<Arrived> {
    call.within_budget(&*engine.store, arrived_meanwhile(engine, call)).await.flatten()
}

/// As [`arrived`], but outside the call's budget, for a call that waits for something else meanwhile.
pub(super) async fn arrived_meanwhile(engine: &Engine, call: &Call<'_>) -> Option<Arrived> {
    let begun = engine.tickets.next();
    let entry = read_entry(engine, call.key).await.ok().flatten()?;
    let servable = servable(engine, call, &entry);
    servable.then(|| Arrived { begun, value: Encoded::for_many(entry.payload) })
}

/// Whether an entry is fresh, and of the call's type.
pub(super) fn servable(engine: &Engine, call: &Call<'_>, entry: &Snapshot) -> bool {
    judge_without_draw(call, entry) == Freshness::Fresh
        && (call.decodes)(&engine.codec, &entry.payload)
}

/// The value in the store that may be served because the body failed.
pub(super) async fn stale(engine: &Engine, call: &Call<'_>) -> Option<Encoded> {
    let entry = read_past_loads(engine, call).await?;
    let servable = judge_without_draw(call, &entry) != Freshness::Expired
        && (call.decodes)(&engine.codec, &entry.payload);
    servable.then(|| Encoded::for_one(entry.payload))
}
