//! The end of a load: store its value, or share its error, and say what may be served instead.

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

/// Ends a load that made a value: stores it, if there is a lease that still holds.
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
                    // A store that is not waited for any longer is carried to its end in a task.
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
    // A lease that the store has just failed is put right without its caller, who has waited enough.
    if let Some(mut lease) = baton.land(landing).filter(|lease| lease.is_held()) {
        call.within_budget(&*engine.store, lease.release()).await;
    }
}

/// How long a value of `bytes` bytes is to live, jitter included; `None` if it is not to be kept.
fn life(engine: &Engine, call: &Call<'_>, bytes: usize, ttl: Option<Duration>) -> Option<Duration> {
    let ttl = ttl?;
    if ttl.is_zero() {
        // The value itself says so.
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

/// Ends a load that failed, whether or not that is waited for: nobody has to fail again because the
/// caller that failed is gone. The lease, released first, tells whether there was an invalidation
/// meanwhile, because an error may say as much about the data as a value does. That takes no longer than
/// `limit`.
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

/// Ends a load that took too long, likewise. Callers that can make do with a stale value find it
/// marked.
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
        // Fenced, so it does not matter when it was begun.
        Some(payload) => Landing::value(Encoded::for_many(payload), engine.tickets.next(), true),
        None => Landing::ReadAgain,
    };
    baton.land(landing.clone());
    Next::after(call, landing)
}

/// A value that has arrived in the store, and the ticket after which it was read.
pub(super) struct Arrived {
    pub(super) begun: Ticket,
    pub(super) value: Encoded,
}

/// A value that can be served, read after this was called. Nothing, if the store has none or cannot be
/// read in what is left of the call's time for it.
pub(super) async fn arrived(engine: &Engine, call: &Call<'_>) -> Option<Arrived> {
    call.within_budget(&*engine.store, arrived_meanwhile(engine, call)).await.flatten()
}

/// As [`arrived`], where nobody waits for the store.
pub(super) async fn arrived_meanwhile(engine: &Engine, call: &Call<'_>) -> Option<Arrived> {
    let begun = engine.tickets.next();
    let entry = read_entry(engine, call.key).await.ok().flatten()?;
    let servable = servable(engine, call, &entry);
    servable.then(|| Arrived { begun, value: Encoded::for_many(entry.payload) })
}

/// Whether an entry can be served as it is.
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
