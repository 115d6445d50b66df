//! The end of a load: store its value, or share its error, and say what may be served instead.
//!
//! The flight is sealed by now; see [`run`](super::run). The store is asked first, and the flight lands
//! afterwards, because its members have to be told whether the load was *fenced*: whether the lease was
//! still unbroken when the store took the value or the release. No ending takes longer than the caller's
//! budget, and none fails because of the store: where the store does not answer, the result is landed as
//! one that is not fenced, and [`Lease`](crate::lease::Lease) finishes in a task.

use std::pin::pin;
use std::time::Duration;

use super::decide::judge_without_draw;
use super::kept::Foreign;
use super::next::Next;
use crate::bounds::{self, SHORTEST};
use crate::engine::call::{Call, Held};
use crate::engine::landing::{Encoded, Landing, Leader, Origin};
use crate::engine::parts::Engine;
use crate::engine::read::send::read_entry;
use crate::engine::read::shared::read_past_loads;
use crate::engine::ticket::Ticket;
use crate::error::StoreError;
use crate::freshness::{Freshness, capped_delta};
use crate::observe::{BypassReason, LoadOutcome, LoadSpan, Operation, RequestResult};

use crate::store::{NewValue, Outcome, Snapshot};
use crate::time::{ToItsEnd, in_time};

/// How long other processes do not wait for the load of a key whose value was not to be cached.
const MARKED: Duration = Duration::from_secs(1);

/// Ends a load that gave a value: stores the value if the lease still holds, and lands it. Where it would overwrite a
/// `foreign` entry, one of another type, the value may be [kept](super::kept) beside that entry instead.
pub(super) async fn store(
    engine: &Engine,
    call: &Call<'_>,
    mut baton: Leader,
    (origin, took): (Origin, Duration),
    (value, ttl): (Encoded, Option<Duration>),
    foreign: Option<Foreign>,
) -> LoadOutcome {
    let payload = value.payload.clone();
    let key = call.key.as_str();
    let kept_beside =
        foreign.filter(|foreign| engine.kept.is_to_keep(key, *foreign, payload.len()));
    let life = || life(engine, call, payload.len(), ttl);
    let (fenced, outcome) = match baton.cargo.as_mut().map(|lease| (lease, life())) {
        None => (false, LoadOutcome::NotCached),
        Some((lease, Some(ttl))) if kept_beside.is_some() => {
            let released = call.within_budget(&*engine.store, lease.end(Outcome::Release)).await;
            let fenced = matches!(released, Some(Ok(true)));
            if let Some(foreign) = kept_beside.filter(|_| fenced) {
                engine.kept.keep(key, foreign, payload, ttl);
            }
            (fenced, LoadOutcome::NotCached)
        }
        Some((lease, Some(ttl))) => {
            let delta = capped_delta(took, ttl);
            let stale = call.policy.stale.longest();
            // If the budget ends first, the lease carries the store to its end in a task.
            let stored = lease.end(Outcome::Store(NewValue { payload, delta, ttl, stale }));
            match call.within_budget(&*engine.store, stored).await {
                Some(Ok(true)) => {
                    if let Some(foreign) = foreign {
                        engine.kept.overwrote(key, foreign, ttl);
                    }
                    (true, LoadOutcome::Stored)
                }
                Some(Ok(false)) => (false, LoadOutcome::LeaseLost),
                Some(Err(_)) => (false, LoadOutcome::Refused), // the lease has told
                None => {
                    let error = StoreError::too_slow();
                    engine.observers.store_failed(Operation::Finish, call.key, &error);
                    (false, LoadOutcome::Refused)
                }
            }
        }
        Some((lease, None)) => {
            // Other processes are told, so that nobody waits for a value that never comes.
            let marked = lease.end(Outcome::Uncacheable(MARKED));
            let marked = call.within_budget(&*engine.store, marked).await;
            (matches!(marked, Some(Ok(true))), LoadOutcome::NotCached)
        }
    };
    // A lease whose store has just failed is not released here: it puts itself right in a task, because its
    // caller has waited enough.
    let landing = Landing::Value { value, origin: Origin { fenced, ..origin } };
    if let Some(mut lease) = baton.land(landing).filter(|lease| lease.is_held()) {
        let released = lease.end(Outcome::Release);
        drop(call.within_budget(&*engine.store, released).await);
    }
    outcome
}

/// How long a value of `bytes` bytes is valid, jitter included; `None` if it is not to be stored.
fn life(engine: &Engine, call: &Call<'_>, bytes: usize, ttl: Option<Duration>) -> Option<Duration> {
    let ttl = ttl?;
    if ttl.is_zero() {
        // A ttl of zero is how a value says that it is not to be cached, so there is nothing to report.
        return None;
    }
    // A ttl that was given has been checked before anything ran, so this one comes from the value.
    if let Err(problem) = bounds::TTL_OF.check_with(ttl, call.policy.stale.longest()) {
        engine.observers.unstorable_value(call.key, &problem.to_string());
        return None;
    }
    if let Some(problem) = engine.too_large(call.key, call.policy, bytes) {
        engine.observers.unstorable_value(call.key, &problem);
        return None;
    }
    if call.policy.jitter <= 0.0 {
        return Some(ttl);
    }
    let shortened = ttl.mul_f64(1.0 - call.policy.jitter * engine.chance.fraction());
    Some(shortened.max(SHORTEST))
}

/// Ends a load that made no value: ends its lease by `outcome`, which takes no longer than `limit`, and
/// then lands what `landing` says. If the caller is dropped, a task goes on, so that no other caller has
/// to run into the same failure; for as long as the lease is worth the trouble.
///
/// The lease goes first because the store's answer, which `landing` is given, tells whether the lease was
/// unbroken: an error may say as much about the data as a value does.
pub(super) fn end_without_value(
    mut baton: Leader,
    outcome: Outcome,
    limit: Duration,
    landing: impl FnOnce(bool) -> Landing + Send + 'static,
) -> ToItsEnd {
    let longest = baton.cargo.as_ref().map_or(limit, |lease| lease.longest_alone());
    let work = async move {
        let ended = async {
            match &mut baton.cargo {
                Some(lease) => lease.end(outcome).await.unwrap_or(false),
                None => false,
            }
        };
        let fenced = in_time(limit, pin!(ended)).await.unwrap_or(false);
        baton.land(landing(fenced));
    };
    ToItsEnd::new(work, longest)
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
        Some(payload) => {
            let begun = engine.tickets.next();
            let origin = Origin { begun, is_load: false, fenced: true, load: LoadSpan::none() };
            Landing::Value { value: Encoded::for_many(payload), origin }
        }
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

/// Reads the store for a value that can be served. The error says why the store cannot be read in what is left of
/// the call's budget.
pub(super) async fn arrived(
    engine: &Engine,
    call: &Call<'_>,
) -> Result<Option<Arrived>, BypassReason> {
    let arrived = call.within_budget(&*engine.store, arrived_meanwhile(engine, call)).await;
    arrived.unwrap_or(Err(BypassReason::StoreSlow))
}

/// As [`arrived`], but outside the call's budget, for a call that waits for something else meanwhile.
pub(super) async fn arrived_meanwhile(
    engine: &Engine,
    call: &Call<'_>,
) -> Result<Option<Arrived>, BypassReason> {
    let begun = engine.tickets.next();
    let entry = read_entry(engine, call.key).await.map_err(|error| {
        engine.observers.store_failed(Operation::Read, call.key, &error);
        BypassReason::of(&error)
    })?;
    let entry = entry.filter(|entry| servable(engine, call, entry));
    Ok(entry.map(|entry| Arrived { begun, value: Encoded::for_many(entry.payload) }))
}

/// Whether an entry is fresh, and of the call's type.
pub(super) fn servable(engine: &Engine, call: &Call<'_>, entry: &Snapshot) -> bool {
    judge_without_draw(call, entry) == Freshness::Fresh && call.decodes(engine, &entry.payload)
}

/// The value in the store that may be served because the body failed.
pub(super) async fn stale(engine: &Engine, call: &Call<'_>) -> Option<Box<Held>> {
    let entry = read_past_loads(engine, call).await?;
    let servable = judge_without_draw(call, &entry) != Freshness::Expired
        && call.decodes(engine, &entry.payload);
    let is_valid = entry.expiry > entry.now;
    let result = if is_valid { RequestResult::Waited } else { RequestResult::Stale };
    servable.then(|| Box::new(Held { value: Encoded::for_one(entry.payload), result }))
}
