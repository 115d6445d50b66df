//! Refreshing in a task of its own, so that nobody who holds a value waits.

use std::future::Future;
use std::ops::ControlFlow::{Break, Continue};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::flight::{Entered, Turn};
use super::lead::Attempt;
use super::look::Look;
use super::{Call, Engine, Leader, Made, Recursive, earlier};
use crate::freshness::Freshness;
use crate::key::Key;
use crate::options::Policy;
use crate::race::{First, race};
use crate::share::Share;
use crate::store::Revision;
use crate::time::{sleep_until, spawn};

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
        S: Share<T, E, Kept = E>,
        F: Future<Output = Result<Made<T>, E>> + Send + 'static,
    {
        let mut call = Call::new(key, policy);
        let look = self.look(&mut call).await;
        if let Look::Found(found, decoded, asked) = &look {
            match self.judge::<T, S>(&call, found, decoded) {
                (Freshness::Fresh, Some(value)) => return Ok(Ok(value)),
                (Freshness::Early | Freshness::Revalidate, Some(value)) => {
                    self.refresh::<T, E, S, F>(&call, found.revision, recompute);
                    return Ok(Ok(value));
                }
                (Freshness::IfError, Some(held)) if !self.is_within(key) => {
                    call.spent.add_since(*asked);
                    call.started_waiting(&self.tickets);
                    let rebuilt =
                        self.rebuild_aside::<T, E, S, F>(&call, found.revision, recompute).await;
                    return Ok(Ok(rebuilt.unwrap_or(held)));
                }
                _ => {}
            }
        }
        let mut recompute = Box::pin(recompute);
        let then = self.decide::<T, S>(&mut call, look);
        let served = self.serve::<T, E, S>(call, then, recompute.as_mut()).await;
        served.map_err(|Recursive| recompute)
    }

    /// Has a task refresh the entry, unless one does.
    fn refresh<T, E, S, F>(self: &Arc<Self>, call: &Call<'_>, seen: Revision, recompute: F)
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        S: Share<T, E, Kept = E>,
        F: Future<Output = Result<Made<T>, E>> + Send + 'static,
    {
        let Some(permit) = self.permit() else { return };
        let Some(baton) = self.rebuilds.lead(call.key.as_str()) else { return };
        let attempt = Attempt::refresh(seen, None);
        // Whatever comes of it is in the store, or left for the next reader.
        drop(self.lead_in_task::<T, E, S, F>(call, permit, baton, attempt, recompute));
    }

    /// Waits for a rebuild, by a task if there is none yet, until it has taken as long as
    /// `recompute_timeout` says: `None` if it fails or takes longer.
    async fn rebuild_aside<T, E, S, F>(
        self: &Arc<Self>,
        call: &Call<'_>,
        seen: Revision,
        recompute: F,
    ) -> Option<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        S: Share<T, E, Kept = E>,
        F: Future<Output = Result<Made<T>, E>> + Send + 'static,
    {
        let turn = match self.rebuilds.enter(call.key.as_str(), false) {
            Entered::Leads(baton) => Turn::Leads(baton),
            Entered::Joins(mut member) => {
                // Those who come to one that hangs do not each wait for it anew.
                let until = earlier(call.soft_limit(member.since()), call.deadline);
                match race(Pin::new(&mut member), pin!(sleep_until(until))).await {
                    First::A(turn) => turn,
                    First::B(()) => return None,
                }
            }
        };
        match turn {
            Turn::Landed(outcome) => match self.settle::<T, E, S>(call, outcome) {
                Break(result) => result.ok(),
                Continue(_) => None,
            },
            Turn::Leads(baton) => {
                let limit = call.policy.recompute_timeout.unwrap_or(Duration::MAX);
                let attempt = Attempt { seen: Some(seen), ..Attempt::default() };
                let permit = self.permit()?;
                let task =
                    self.lead_in_task::<T, E, S, F>(call, permit, baton, attempt, recompute)?;
                // A panic has been reported by its task.
                timeout(limit, task).await.ok()?.ok()?
            }
        }
    }

    /// Leads a flight in a task. Nobody can be given what takes longer than `max_rebuild`, since its
    /// lease is not renewed any more; that is dropped.
    fn lead_in_task<T, E, S, F>(
        self: &Arc<Self>,
        call: &Call<'_>,
        permit: OwnedSemaphorePermit,
        baton: Leader,
        attempt: Attempt<T>,
        recompute: F,
    ) -> Option<JoinHandle<Option<T>>>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
        S: Share<T, E, Kept = E>,
        F: Future<Output = Result<Made<T>, E>> + Send + 'static,
    {
        let (engine, key, policy) = (Arc::clone(self), call.key.clone(), *call.policy);
        spawn(async move {
            let _permit = permit;
            let mut call = Call::in_background(&key, &policy);
            call.started_waiting(&engine.tickets);
            let recompute = pin!(recompute);
            let lead = engine.lead::<T, E, S>(&call, baton, attempt, recompute);
            match timeout(policy.max_rebuild, lead).await {
                Ok(Break(result)) => result.ok(),
                Ok(Continue(_)) | Err(_) => None,
            }
        })
    }

    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.background).try_acquire_owned().ok()
    }
}
