//! The operations on one entry that need no recompute: `peek` and `set`.
//!
//! Neither joins a flight. `peek` reads for its caller only, and never waits for a load. `set` has its
//! value already; it takes the lease by force, so that its store is fenced as the store of a load is,
//! and so that a load which holds older data is refused.

use serde::de::DeserializeOwned;

use super::parts::Engine;
use super::read::send::read_entry;
use crate::error::StoreError;
use crate::key::Key;
use crate::observe::Operation;
use crate::options::Policy;
use crate::store::{NewValue, Outcome, Snapshot};

/// The value under `key`, if it is valid; runs nothing.
pub(crate) async fn peek<T: DeserializeOwned>(
    engine: &Engine,
    key: &Key,
) -> Result<Option<T>, StoreError> {
    let found = read_entry(engine, key).await;
    let found = found.inspect_err(|error| {
        engine.observers.store_failed(Operation::Read, key, error);
    })?;
    Ok(found.filter(Snapshot::is_valid_value).and_then(|found| {
        match engine.codec.decode(&found.payload) {
            Ok(value) => Some(value),
            Err(error) => {
                engine.observers.undecodable_entry(key, &*error);
                None
            }
        }
    }))
}

/// Stores `value` whatever is there, and voids every load that is under way.
///
/// The lease is seized first, whoever holds it, so that the store is fenced: it cannot arrive late and
/// undo an invalidation that came after it.
pub(crate) async fn set(
    engine: &Engine,
    key: &Key,
    policy: &Policy,
    value: NewValue,
) -> Result<(), StoreError> {
    /// Each refusal means that an invalidation or another `set` came between the two steps.
    const MOST_ATTEMPTS: u32 = 3;
    let mut lease = engine.lease(key, policy.lock_timeout);
    for _ in 0..MOST_ATTEMPTS {
        let set = async {
            lease.seize().await?;
            lease.end(Outcome::Store(value.clone())).await
        };
        let set = set.await;
        engine.invalidations.void_loads(key);
        if set? {
            return Ok(());
        }
    }
    Err(StoreError::new(
        "the value was not set: others set or invalidated the same entry each time it was tried",
    ))
}
