//! What is asked of one entry directly, without a recompute.

use serde::de::DeserializeOwned;

use super::{Engine, Outcome};
use crate::error::StoreError;
use crate::key::Key;
use crate::options::Policy;
use crate::store::{Kind, NewValue};

impl Engine {
    /// The value under `key`, if it is valid; runs nothing.
    pub(crate) async fn peek<T: DeserializeOwned>(
        &self,
        key: &Key,
    ) -> Result<Option<T>, StoreError> {
        let found = self.read(key).await?;
        Ok(found
            .filter(|found| found.kind == Kind::Value && found.expiry > found.now)
            .and_then(|found| self.codec.decode(&found.payload).ok()))
    }

    /// Stores `value` whatever is there, and voids every rebuild that is under way.
    ///
    /// The lock is taken first, whoever holds it, so that this is fenced as well: it cannot arrive
    /// late and undo an invalidation that came after it.
    pub(crate) async fn set(
        &self,
        key: &Key,
        policy: &Policy,
        value: NewValue,
    ) -> Result<(), StoreError> {
        /// Each refusal is an invalidation or another `set` that came in between.
        const MOST_ATTEMPTS: u32 = 3;
        let mut lease = self.lease(key, policy.lock_timeout);
        for _ in 0..MOST_ATTEMPTS {
            let set = async {
                lease.seize().await?;
                lease.fill(value.clone()).await
            };
            let set = set.await;
            self.rebuilds.void(key.as_str(), Outcome::Again);
            if set? {
                return Ok(());
            }
        }
        Err(StoreError::new(
            "the value was not set: others set or invalidated the same entry each time it was tried",
        ))
    }

    /// Removes the entry, and voids every rebuild that is under way.
    pub(crate) async fn invalidate(&self, key: &Key) -> Result<(), StoreError> {
        let owed = self.owed.number(key);
        let result = self.store.invalidate(std::slice::from_ref(key)).await;
        if let (Ok(()), Some(number)) = (&result, owed) {
            self.owed.paid(key, number);
        }
        // After the store: a flight that begins in between finds the lock free there.
        self.rebuilds.void(key.as_str(), Outcome::Again);
        result
    }
}
