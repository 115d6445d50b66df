//! What is asked of one entry directly, without a recompute.

use serde::de::DeserializeOwned;

use super::landing::Landing;
use super::parts::Engine;
use super::read::send::read_entry;
use crate::error::StoreError;
use crate::key::Key;
use crate::options::Policy;
use crate::store::{Kind, NewValue};

/// The value under `key`, if it is valid; runs nothing.
pub(super) async fn peek<T: DeserializeOwned>(
    engine: &Engine,
    key: &Key,
) -> Result<Option<T>, StoreError> {
    let found = read_entry(engine, key).await?;
    Ok(found
        .filter(|found| found.kind == Kind::Value && found.expiry > found.now)
        .and_then(|found| engine.codec.decode(&found.payload).ok()))
}

/// Stores `value` whatever is there, and voids every load that is under way.
///
/// The lease is taken first, whoever holds it, so that this is fenced as well: it cannot arrive late and
/// undo an invalidation that came after it.
pub(super) async fn set(
    engine: &Engine,
    key: &Key,
    policy: &Policy,
    value: NewValue,
) -> Result<(), StoreError> {
    /// Each refusal is an invalidation or another `set` that came in between.
    const MOST_ATTEMPTS: u32 = 3;
    let mut lease = engine.lease(key, policy.lock_timeout);
    for _ in 0..MOST_ATTEMPTS {
        let set = async {
            lease.seize().await?;
            lease.fill(value.clone()).await
        };
        let set = set.await;
        engine.loads.void(key.as_str(), Landing::ReadAgain);
        if set? {
            return Ok(());
        }
    }
    Err(StoreError::new(
        "the value was not set: others set or invalidated the same entry each time it was tried",
    ))
}
