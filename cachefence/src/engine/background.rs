//! Refreshing in a task of its own, so that nobody who holds a value waits.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::lead::Attempt;
use super::look::Look;
use super::{Call, Engine, Made, Recursive};
use crate::freshness::Freshness;
use crate::key::Key;
use crate::options::Policy;
use crate::share::Share;
use crate::store::Version;
use crate::time::{detach, spawn};

impl Engine {
    /// As [`fetch`](Self::fetch), except that a caller that holds a value never runs the recompute
    /// itself: a task does, of which there are up to 256 at a time. Beyond that the value is served,
    /// and a later call refreshes it.
    ///
    /// # Errors
    ///
    /// The recompute, not polled, where [`fetch`](Self::fetch) gives [`Recursive`](super::Recursive).
    pub(crate) async fn fetch_in_background<T, E, S, F>(
        self: &Arc<Self>,
        key: &Key,
        policy: &Policy,
        recompute: F,
    ) -> Result<Result<T, E>, Pin<Box<F>>>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        S: Share<E, Kept = E>,
        F: Future<Output = Result<Made<T>, E>> + Send + 'static,
    {
        let mut call = Call::new(key, policy);
        let look = self.look(&mut call).await;
        if let Look::Found(found) = &look {
            match self.judge::<T>(&call, found) {
                (Freshness::Fresh, Some(value)) => return Ok(Ok(value)),
                (Freshness::Early | Freshness::Revalidate, Some(value)) => {
                    self.refresh::<T, E, S, F>(&call, found.version, recompute);
                    return Ok(Ok(value));
                }
                (Freshness::IfError, Some(held)) if !self.is_within(key) => {
                    if let Some(permit) = self.permit() {
                        let rebuilt = self.rebuild_aside::<T, E, S, F>(&call, permit, recompute);
                        return Ok(Ok(rebuilt.await.unwrap_or(held)));
                    }
                }
                _ => {}
            }
        }
        let mut recompute = Box::pin(recompute);
        let then = self.decide(&mut call, look);
        let served = self.serve::<T, E, S>(call, then, recompute.as_mut()).await;
        served.map_err(|Recursive| recompute)
    }

    /// Has a task refresh the entry, unless one does.
    fn refresh<T, E, S, F>(self: &Arc<Self>, call: &Call<'_>, seen: Version, recompute: F)
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        S: Share<E, Kept = E>,
        F: Future<Output = Result<Made<T>, E>> + Send + 'static,
    {
        let Some(permit) = self.permit() else { return };
        let Some(baton) = self.rebuilds.lead(call.key.as_str()) else { return };
        let (engine, key, policy) = (Arc::clone(self), call.key.clone(), *call.policy);
        detach(async move {
            let _permit = permit;
            let call = Call::in_background(&key, &policy);
            let attempt = Attempt::refresh(seen, None);
            // Whatever comes of it is in the store, or left for the next reader.
            drop(engine.lead::<T, E, S>(&call, baton, attempt, pin!(recompute)).await);
        });
    }

    /// Has a task rebuild the entry, and waits for it as long as `recompute_timeout` says: `None` if
    /// it fails or takes longer.
    fn rebuild_aside<T, E, S, F>(
        self: &Arc<Self>,
        call: &Call<'_>,
        permit: OwnedSemaphorePermit,
        recompute: F,
    ) -> impl Future<Output = Option<T>> + Send + use<T, E, S, F>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        S: Share<E, Kept = E>,
        F: Future<Output = Result<Made<T>, E>> + Send + 'static,
    {
        let (engine, key) = (Arc::clone(self), call.key.clone());
        let limit = call.policy.recompute_timeout;
        // The task itself has all the time that the recompute takes.
        let policy = Policy { recompute_timeout: None, ..*call.policy };
        let task = spawn(async move {
            let _permit = permit;
            let mut call = Call::in_background(&key, &policy);
            let look = engine.look(&mut call).await;
            let then = engine.decide(&mut call, look);
            engine.serve::<T, E, S>(call, then, pin!(recompute)).await
        });
        async move {
            let task = task?;
            let ended = match limit {
                Some(limit) => timeout(limit, task).await.ok()?,
                None => task.await,
            };
            // A panic has been reported by its task.
            ended.ok()?.ok()?.ok()
        }
    }

    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.background).try_acquire_owned().ok()
    }
}
