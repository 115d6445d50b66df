//! One call, from its first look to its result.

use std::future::Future;
use std::ops::ControlFlow::{Break, Continue};
use std::pin::Pin;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::flight::{Entered, Member, Turn};
use super::lead::Attempt;
use super::look::Look;
use super::within::{is_within, within};
use super::{Call, Engine, Made, Next, Outcome, Recursive, Step};
use crate::freshness::{Freshness, Life, freshness};
use crate::key::Key;
use crate::lease::Lease;
use crate::options::Policy;
use crate::race::{First, race};
use crate::report;
use crate::share::Share;
use crate::store::Snapshot;
use crate::time::sleep_until;

/// How often a call starts again before it does without the lock: each time, the rebuild that it
/// waited for was not stored.
const MOST_ROUNDS: u32 = 16;

impl Engine {
    /// Serves one call: from the store, from another caller's rebuild, or by `recompute`, which is
    /// polled by at most one of these and in this future only.
    ///
    /// # Errors
    ///
    /// [`Recursive`], with `recompute` not polled, if this call is made from inside the recompute
    /// that it would have to wait for.
    pub(crate) async fn fetch<T, E, S>(
        &self,
        key: &Key,
        policy: &Policy,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Result<Result<T, E>, Recursive>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        self.serve::<T, E, S>(Call::new(key, policy), recompute).await
    }

    /// Goes on with a call.
    pub(super) async fn serve<T, E, S>(
        &self,
        mut call: Call<'_>,
        mut recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Result<Result<T, E>, Recursive>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        let mut rounds = 0;
        loop {
            // An `E` that is not `Send` must not be kept across an await, so the step ends here.
            let next = match self.step::<T, E, S>(&mut call, rounds, recompute.as_mut()).await {
                Break(result) => return Ok(result),
                Continue(next) => next,
            };
            match next {
                Next::Again => rounds += 1,
                Next::Overdue => rounds = MOST_ROUNDS,
                Next::Alone => return Ok(Box::pin(self.alone(&call, recompute)).await),
                Next::Recursive => return Err(Recursive),
            }
        }
    }

    async fn step<T, E, S>(
        &self,
        call: &mut Call<'_>,
        rounds: u32,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        if rounds < MOST_ROUNDS {
            self.round::<T, E, S>(call, recompute).await
        } else {
            Box::pin(self.overdue::<T, E, S>(call, recompute)).await
        }
    }

    async fn round<T, E, S>(
        &self,
        call: &mut Call<'_>,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        let mut attempt = Attempt::default();
        let look = match call.looked.take() {
            Some(look) => look,
            None => self.look(call).await,
        };
        match look {
            Look::Found(found) => match self.judge::<T>(call, &found) {
                (Freshness::Fresh, Some(value)) => return Break(Ok(value)),
                (Freshness::Early | Freshness::Revalidate, Some(value)) => {
                    return match self.rebuilds.lead(call.key.as_str()) {
                        Some(baton) => {
                            let attempt = Attempt::refresh(found.version, Some(value));
                            Box::pin(self.lead::<T, E, S>(call, baton, attempt, recompute)).await
                        }
                        None => Break(Ok(value)),
                    };
                }
                (Freshness::IfError, held) => {
                    call.holds_a_value();
                    (attempt.seen, attempt.held) = (Some(found.version), held);
                }
                _ => attempt.seen = Some(found.version),
            },
            Look::Nothing => {}
            Look::Unavailable => attempt.reachable = false,
            Look::Underway(_) if self.is_within(call.key) => return Continue(Next::Recursive),
            Look::Underway(member) => {
                call.started_waiting(&self.tickets);
                attempt.looked = false;
                return self.join::<T, E, S>(call, member, attempt, recompute).await;
            }
        }
        if self.is_within(call.key) {
            return Continue(Next::Recursive);
        }
        call.started_waiting(&self.tickets);
        // Whoever comes later and looks may find something to fall back on.
        let cold = attempt.held.is_none();
        match self.rebuilds.enter(call.key.as_str(), cold) {
            Entered::Leads(baton) => {
                Box::pin(self.lead::<T, E, S>(call, baton, attempt, recompute)).await
            }
            Entered::Joins(member) => self.join::<T, E, S>(call, member, attempt, recompute).await,
        }
    }

    /// Waits for a flight as one of its members.
    async fn join<T, E, S>(
        &self,
        call: &Call<'_>,
        mut member: Member<Outcome, Option<Lease>>,
        attempt: Attempt<T>,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        match race(&mut member, sleep_until(call.patience())).await {
            First::A(Turn::Landed(outcome)) => {
                let failed = matches!(outcome, Outcome::Failed { .. } | Outcome::Alone);
                if failed && call.forgives() {
                    let stale = match attempt.held {
                        Some(held) => Some(held),
                        None => Box::pin(self.stale(call)).await,
                    };
                    if let Some(stale) = stale {
                        return Break(Ok(stale));
                    }
                }
                self.settle::<T, E, S>(call, outcome)
            }
            First::A(Turn::Leads(baton)) => {
                Box::pin(self.lead::<T, E, S>(call, baton, attempt, recompute)).await
            }
            First::B(()) if attempt.held.is_some() => {
                attempt.held.map_or(Continue(Next::Overdue), |held| Break(Ok(held)))
            }
            First::B(()) => {
                // Its leader may never end. Another process may, so it is worth looking again.
                member.cool();
                Continue(Next::Overdue)
            }
        }
    }

    /// What a flight's outcome means for one of its members.
    pub(super) fn settle<T, E, S>(&self, call: &Call<'_>, outcome: Outcome) -> Step<Result<T, E>>
    where
        T: DeserializeOwned,
        S: Share<E>,
    {
        let result = match outcome {
            Outcome::Value { origin, .. } | Outcome::Failed { origin, .. }
                if !call.may_have(origin) =>
            {
                return Continue(Next::Again);
            }
            Outcome::Value { payload, .. } => self.codec.decode(&payload).ok().map(Ok),
            Outcome::Failed { parcel, .. } => S::unpack(&*parcel).map(Err),
            Outcome::Alone => None,
            Outcome::Again => return Continue(Next::Again),
        };
        result.map_or(Continue(Next::Alone), Break)
    }

    /// Runs the recompute for this caller only, unless somebody else's value has landed meanwhile.
    async fn alone<T: DeserializeOwned, E>(
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

    /// Polls a recompute, with its name on it.
    pub(super) async fn run<O>(
        &self,
        call: &Call<'_>,
        recompute: Pin<&mut impl Future<Output = O>>,
    ) -> O {
        within(self.address(), call.key.as_str(), recompute).await
    }

    fn is_within(&self, key: &Key) -> bool {
        is_within(self.address(), key.as_str())
    }

    /// Tells this engine from others.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// What the others are given for `value`; nothing, if it cannot be encoded.
    pub(super) fn encode<T: Serialize>(&self, key: &Key, value: &T) -> Option<Bytes> {
        match self.codec.encode(value) {
            Ok(payload) => Some(payload.into()),
            Err(error) => {
                report::not_encoded(key, &*error);
                None
            }
        }
    }

    /// What to do with an entry that was found, and its value if that can be served.
    pub(super) fn judge<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        found: &Snapshot,
    ) -> (Freshness, Option<T>) {
        let drawn = 1.0 - self.entropy.fraction();
        match freshness_of(call, found, drawn) {
            Freshness::Expired => (Freshness::Expired, None),
            valid => (valid, self.codec.decode(&found.payload).ok()),
        }
    }

    /// The value of an entry that can be served as it is.
    pub(super) fn servable<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        found: &Snapshot,
    ) -> Option<T> {
        match freshness_of(call, found, NEVER_EARLY) {
            Freshness::Fresh => self.codec.decode(&found.payload).ok(),
            _ => None,
        }
    }

    /// What is in the store and may be served because the recompute failed.
    pub(super) async fn stale<T: DeserializeOwned>(&self, call: &Call<'_>) -> Option<T> {
        let ticket = call.ticket.unwrap_or_else(|| self.tickets.next());
        let read = self.read(call.key);
        match self.look_together(call.key, ticket, read).await {
            Look::Found(found) => match freshness_of(call, &found, NEVER_EARLY) {
                Freshness::Expired => None,
                _ => self.codec.decode(&found.payload).ok(),
            },
            Look::Nothing | Look::Unavailable | Look::Underway(_) => None,
        }
    }
}

/// A draw by which nothing is refreshed early.
const NEVER_EARLY: f64 = 1.0;

fn freshness_of(call: &Call<'_>, found: &Snapshot, drawn: f64) -> Freshness {
    let Snapshot { delta, expiry, retry_at, .. } = *found;
    let Policy { beta, stale, .. } = *call.policy;
    freshness(Life { delta, expiry, retry_at }, beta, stale, found.now, drawn)
}
