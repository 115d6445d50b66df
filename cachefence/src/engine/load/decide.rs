//! The decision: how a call goes on after its read.
//!
//! A fresh value is served. A value that is due for a refresh is served too, unless this call is the
//! one that leads the load. A call that has found nothing, an expired entry or a value that may only
//! stand in for an error leads the key's flight or joins it. A call made inside a load of the same
//! key is refused, because it would wait for itself. No I/O happens here, so a hit is decided without
//! an await.

use super::kept::Foreign;
use super::next::{Hedge, Next, Served};
use bytes::Bytes;

use super::recursion;
use crate::engine::call::{Attempt, Call, Held, Purpose, Seen, Work};
use crate::engine::flight::Entered;
use crate::engine::landing::Encoded;
use crate::engine::parts::{Answers, Engine};
use crate::engine::read::found::Found;
use crate::engine::read::send::read_entry;
use crate::engine::read::shared::read;
use crate::error::BoxError;
use crate::force;
use crate::freshness::{Freshness, Life, freshness};
use crate::key::Key;
use crate::observe::RequestResult;
use crate::options::Policy;
use crate::store::{Kind, Snapshot};

/// What the first read of a call comes to. A hit has little to move about, so the rest is in a box.
pub(crate) enum FirstRead<'a> {
    /// A hit.
    Fresh(Encoded),
    NotFresh(Box<Call<'a>>, Box<Found>),
}

/// Reads for a call that begins.
pub(crate) fn first_read<'a>(engine: &'a Engine, mut call: Call<'a>) -> Work<'a, FirstRead<'a>> {
    Box::pin(async move {
        match read(engine, &mut call).await {
            Found::Entry(entry, decoded) if is_hit(engine, call.key, call.policy, &entry) => {
                FirstRead::Fresh(Encoded { payload: entry.payload, decoded })
            }
            found => FirstRead::NotFresh(Box::new(call), Box::new(found)),
        }
    })
}

/// The value under `key`, if it is fresh and the store answers at once.
#[inline]
pub(crate) fn fresh_at_once(engine: &Engine, key: &Key, policy: &Policy) -> Option<Bytes> {
    if engine.answers == Answers::AtOnce { fresh(engine, key, policy) } else { None }
}

fn fresh(engine: &Engine, key: &Key, policy: &Policy) -> Option<Bytes> {
    if force::is_forced() {
        return None;
    }
    // A store that fails is reported by the call that reads it next.
    let entry = read_entry(engine, key).now().ok()?.ok()??;
    is_hit(engine, key, policy, &entry).then_some(entry.payload)
}

/// Whether an entry is served and nothing more is to be done. One whose load has failed counts as fresh until
/// its retry-at, though it may be past its ttl: that is no hit, and is decided the long way.
fn is_hit(engine: &Engine, key: &Key, policy: &Policy, entry: &Snapshot) -> bool {
    judge(engine, key, policy, entry) == Freshness::Fresh && entry.expiry > entry.now
}

/// How fresh an entry is, with the draw for an early refresh.
fn judge(engine: &Engine, key: &Key, policy: &Policy, entry: &Snapshot) -> Freshness {
    freshness_of(policy, entry, || engine.draws.draw(key.fingerprint(), entry.delta, entry.now))
}

/// How fresh an entry is where nothing is refreshed early.
pub(super) fn judge_without_draw(call: &Call<'_>, entry: &Snapshot) -> Freshness {
    freshness_of(call.policy, entry, || 1.0)
}

pub(in crate::engine) fn freshness_of(
    policy: &Policy,
    entry: &Snapshot,
    draw: impl FnOnce() -> f64,
) -> Freshness {
    // A mark, which says that the value is not to be cached, holds no value that a stale window could
    // apply to.
    if entry.kind != Kind::Value {
        return Freshness::Expired;
    }
    let Snapshot { delta, expiry, retry_at, .. } = *entry;
    let Policy { beta, stale, .. } = *policy;
    freshness(Life { delta, expiry, retry_at }, beta, stale, entry.now, draw)
}

/// Decides how a call goes on with what it has `found`, and enters the key's flight if it is to load
/// or to wait. `can_decode` is asked about the entry that was found, unless that has expired.
pub(crate) fn decide(
    engine: &Engine,
    call: &mut Call<'_>,
    found: Found,
    can_decode: &mut dyn FnMut(&Encoded) -> Result<(), BoxError>,
) -> Next {
    let attempt = match found {
        Found::Entry(entry, decoded) => {
            let freshness = judge(engine, call.key, call.policy, &entry);
            let mut attempt = Attempt::miss(Seen::Revision(entry.revision));
            if entry.kind == Kind::Uncacheable && entry.expiry > entry.now {
                // Nobody waits for a load whose value is not to be cached.
                attempt.purpose = Purpose::at_once(&entry);
            }
            if freshness != Freshness::Expired {
                let result = match freshness {
                    Freshness::Early => RequestResult::Early,
                    _ if entry.expiry > entry.now => RequestResult::Hit,
                    _ => RequestResult::Stale,
                };
                let value = Encoded { payload: entry.payload, decoded };
                let kept =
                    || engine.kept.beside(call.key.as_str(), entry.revision).map(Encoded::for_one);
                let decodable = match can_decode(&value) {
                    Ok(()) => Ok(value),
                    Err(error) => kept().filter(|kept| can_decode(kept).is_ok()).ok_or(error),
                };
                match decodable {
                    Ok(value) => attempt.held = Some(Box::new(Held { value, result })),
                    Err(error) => {
                        let (revision, expiry) = (entry.revision, entry.expiry);
                        attempt.foreign = Some(Foreign { revision, expiry });
                        engine.observers.undecodable_entry(call.key, &*error);
                    }
                }
            }
            match (freshness, attempt.held.take()) {
                (Freshness::Fresh, Some(held)) => return held.into(),
                (Freshness::Early | Freshness::Revalidate, Some(held)) => {
                    call.budget.settle();
                    return refresh(engine, call, attempt, held);
                }
                (Freshness::IfError, Some(held)) => {
                    attempt.held = Some(held);
                }
                (Freshness::Expired, _) | (_, None) => {}
            }
            attempt
        }
        Found::Nothing => Attempt::miss(Seen::Nothing),
        Found::Unavailable(reason) => Attempt::miss(Seen::Unavailable(reason)),
        Found::Unread => Attempt::miss(Seen::Unread),
        Found::Disabled => return Next::Uncached,
        Found::Loading(joiner) => {
            if recursion::is_inside(engine, call.key) {
                return Next::Serve(Served::Recursive);
            }
            call.start_waiting(&engine.tickets);
            return Next::Join(joiner, Attempt::miss(Seen::Unread));
        }
    };
    call.budget.settle();
    if recursion::is_inside(engine, call.key) {
        return Next::Serve(Served::Recursive);
    }
    call.start_waiting(&engine.tickets);
    // Where this call holds a stale value, the flight is not cold: later callers read first, and find
    // that value to fall back on. Nor is it where the call is forced, because there may be a value.
    let cold = attempt.held.is_none() && !call.is_forced();
    match engine.loads.enter(call.key.as_str(), cold) {
        Entered::Leads(baton) => Next::Lead(baton, attempt),
        Entered::Joins(joiner) => Next::Join(joiner, attempt),
    }
}

/// Leads the refresh of a value that the call holds, unless another call does. One that is late is replaced.
fn refresh(engine: &Engine, call: &Call<'_>, mut attempt: Attempt, held: Box<Held>) -> Next {
    let key = call.key.as_str();
    attempt.purpose = Purpose::Refresh;
    if let Some(baton) = engine.loads.lead(key) {
        attempt.held = Some(held);
        return Next::Lead(baton, attempt);
    }
    match engine.loads.overtake(key, None, |progress| call.is_late_refresh(progress)) {
        Some((baton, overtaken)) => {
            attempt.held = Some(held);
            Next::Hedge(Box::new(Hedge { baton, overtaken, attempt }))
        }
        None => held.into(),
    }
}
