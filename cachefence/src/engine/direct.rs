//! The operations on one entry that need no recompute: `peek`, `inspect` and `set`.
//!
//! None joins a flight. `peek` and `inspect` read for their caller only, and never wait for a load. `set` has its
//! value already; it takes the lease by force, so that its store is fenced as the store of a load is,
//! and so that a load which holds older data is refused.

use std::pin::pin;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::load::decide::freshness_of;
use super::parts::Engine;
use super::read::send::read_entry;
use crate::error::{StoreError, StoreErrorKind};
use crate::freshness::Freshness;
use crate::inspected::Inspected;
use crate::key::Key;
use crate::observe::Operation;
use crate::options::Policy;
use crate::store::{NewValue, Outcome, Snapshot};
use crate::time::in_time_from;

/// The value under `key`, if it is valid; runs nothing.
pub(crate) async fn peek<T: DeserializeOwned>(
    engine: &Engine,
    key: &Key,
) -> Result<Option<T>, StoreError> {
    let found = read_now(engine, key).await?.filter(Snapshot::is_valid_value);
    Ok(found.and_then(|found| decode(engine, key, &found)))
}

/// As [`peek`], with the value's times, and as long as `policy` lets it be served.
pub(crate) async fn inspect<T: DeserializeOwned>(
    engine: &Engine,
    key: &Key,
    policy: &Policy,
) -> Result<Option<Inspected<T>>, StoreError> {
    let is_servable = |entry: &Snapshot| freshness_of(policy, entry, || 1.0) != Freshness::Expired;
    let found = read_now(engine, key).await?.filter(is_servable);
    Ok(found.and_then(|found| Some(Inspected::new(decode(engine, key, &found)?, &found))))
}

async fn read_now(engine: &Engine, key: &Key) -> Result<Option<Snapshot>, StoreError> {
    let found = read_entry(engine, key).await;
    found.inspect_err(|error| engine.observers.store_failed(Operation::Read, key, error))
}

/// The value of an entry; `None` if it is of another type, which is told of.
fn decode<T: DeserializeOwned>(engine: &Engine, key: &Key, found: &Snapshot) -> Option<T> {
    let decoded = engine.codec.decode(&found.payload);
    decoded.map_err(|error| engine.observers.undecodable_entry(key, &*error)).ok()
}

/// Stores `value` whatever is there, and voids every load that is under way.
///
/// The lease is seized first, whoever holds it, so that the store is fenced: it cannot arrive late and
/// undo an invalidation that came after it. All attempts together take no longer than the store's budget.
pub(crate) async fn set(
    engine: &Engine,
    key: &Key,
    policy: &Policy,
    value: NewValue,
) -> Result<(), StoreError> {
    /// Each refusal means that an invalidation or another `set` came between the two steps.
    const MOST_ATTEMPTS: u32 = 3;
    let begun = Instant::now();
    let budget = engine.store.traits().call_budget.unwrap_or(Duration::MAX);
    let mut lease = engine.lease(key, policy.lock_timeout);
    let mut lost: Option<StoreError> = None;
    let mut refused = 0;
    while refused < MOST_ATTEMPTS {
        let set = async {
            lease.seize().await?;
            lease.end(Outcome::Store(value.clone())).await
        };
        let set = in_time_from(begun, budget, pin!(set)).await;
        engine.invalidations.void_loads(key);
        match set {
            Some(Ok(true)) => return Ok(()),
            Some(Ok(false)) => refused += 1,
            // An operation was lost with its connection, and there is another connection by now. Both are sent once
            // more, with another token, because nobody knows what the store holds of the first.
            Some(Err(error)) if error.kind() == StoreErrorKind::Lost && lost.is_none() => {
                lost = Some(error);
            }
            Some(Err(error)) => return Err(error),
            None => return Err(lost.unwrap_or_else(|| too_slow(engine, key))),
        }
    }
    Err(StoreError::new(
        "the value was not set: others set or invalidated the same entry each time it was tried",
    ))
}

/// Tells that the store has used up the budget of a call.
fn too_slow(engine: &Engine, key: &Key) -> StoreError {
    let error = StoreError::too_slow();
    engine.observers.store_failed(Operation::Finish, key, &error);
    error
}
