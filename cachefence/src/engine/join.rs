//! Waiting for a flight, and what its outcome means.

use std::future::Future;
use std::mem;
use std::ops::ControlFlow::{Break, Continue};
use std::pin::{Pin, pin};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::flight::Turn;
use super::lead::Attempt;
use super::{Call, Engine, Joiner, Made, Next, Outcome, Step};
use crate::race::{First, race};
use crate::share::Share;
use crate::time::sleep_until;

impl Engine {
    /// Waits for a flight as one of its members.
    pub(super) fn join<T, E, S>(
        &self,
        call: &Call<'_>,
        member: &mut Joiner,
        attempt: &mut Attempt<T>,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> impl Future<Output = Step<Result<T, E>>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
    {
        async move {
            // In a block of its own, so that the timer ends with it.
            let turn = {
                let patience = sleep_until(call.patience(attempt.held.is_some()));
                race(Pin::new(&mut *member), pin!(patience)).await
            };
            match turn {
                First::A(Turn::Landed(outcome)) => {
                    let failed = matches!(outcome, Outcome::Failed { .. } | Outcome::Alone);
                    if failed && call.forgives() {
                        let stale = match attempt.held.take() {
                            Some(held) => Some(*held),
                            None => Box::pin(self.stale(call)).await,
                        };
                        if let Some(stale) = stale {
                            return Break(Ok(stale));
                        }
                    }
                    self.settle::<T, E, S>(call, outcome)
                }
                First::A(Turn::Leads(baton)) => {
                    let attempt = mem::take(attempt);
                    Box::pin(self.lead::<T, E, S>(call, baton, attempt, recompute)).await
                }
                First::B(()) => {
                    if let Some(held) = attempt.held.take() {
                        return Break(Ok(*held));
                    }
                    // Its leader may never end. Another process may, so it is worth looking again.
                    member.cool();
                    Continue(Next::Overdue)
                }
            }
        }
    }

    /// What a flight's outcome means for one of its members.
    pub(super) fn settle<T, E, S>(&self, call: &Call<'_>, outcome: Outcome) -> Step<Result<T, E>>
    where
        T: DeserializeOwned,
        S: Share<T, E>,
    {
        let result = match outcome {
            Outcome::Value { origin, .. } | Outcome::Failed { origin, .. }
                if !call.may_have(origin) =>
            {
                return Continue(Next::Again);
            }
            Outcome::Value { payload, decoded, .. } => {
                S::value(&decoded, || self.codec.decode(&payload).ok()).map(Ok)
            }
            Outcome::Failed { parcel, .. } => S::unpack(&*parcel).map(Err),
            Outcome::Alone => None,
            Outcome::Again => return Continue(Next::Again),
        };
        result.map_or(Continue(Next::Alone), Break)
    }

    /// Runs the recompute for this caller only, unless somebody else's value has landed meanwhile.
    pub(super) async fn alone<T: DeserializeOwned, E>(
        &self,
        call: &Call<'_>,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Result<T, E> {
        let gate = self.gates.of(call.key.as_str());
        let _pass = gate.pass(call.others_patience()).await;
        match self.landed(call).await {
            Some((.., value)) => Ok(value),
            None => self.run(call, recompute).await.map(|made| made.value),
        }
    }
}
