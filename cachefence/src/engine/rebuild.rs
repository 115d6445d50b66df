//! Recomputing, and sharing what comes of it: store, land, or make do with what is stale.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::ticket::Ticket;
use super::{Call, Engine, Leader, Made, Origin, Outcome, Step};
use crate::error::StoreError;
use crate::freshness::capped_delta;
use crate::options::{self, SHORTEST};
use crate::race::{First, beside, race};
use crate::report;
use crate::share::{Parcel, Share, ShareError};
use crate::store::NewValue;
use crate::time::{ToItsEnd, in_time, sleep_until};

/// How a recompute ended.
enum Ended<T, K> {
    Made(Made<T>),
    /// What its caller keeps of the error, and what the others get.
    Failed(K, Option<Parcel>),
    /// It did not, and this is served instead.
    TooLate(T),
}

impl<T, K> Ended<T, K> {
    /// Gives back an error of which nothing can be kept.
    fn part<E, S: ShareError<E, Kept = K>>(ended: First<Result<Made<T>, E>, T>) -> Result<Self, E> {
        match ended {
            First::A(Ok(made)) => Ok(Self::Made(made)),
            First::A(Err(error)) => S::part(error).map(|(kept, parcel)| Self::Failed(kept, parcel)),
            First::B(held) => Ok(Self::TooLate(held)),
        }
    }
}

impl Engine {
    /// Recomputes, and shares what comes of it. With a `held` value this caller does not fail, where
    /// a stale window says so, and waits no longer than `recompute_timeout`.
    pub(super) async fn rebuild<T, E, S>(
        &self,
        call: &Call<'_>,
        mut baton: Leader,
        held: Option<Box<T>>,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
    {
        let begun = self.tickets.next();
        let started = Instant::now();
        let mut held = held;
        let too_long = async {
            sleep_until(call.soft_limit(started)).await;
            match held.take() {
                Some(held) => *held,
                None => pending().await,
            }
        };
        let ended = {
            let recompute = pin!(self.recompute(call, &mut baton, recompute));
            race(recompute, pin!(too_long)).await
        };
        let took = started.elapsed();
        // Nobody may join any more: what they would be given was read before they came, and the
        // store may accept it although they know of a change since.
        baton.seal();
        // From here on there is no `E` but the one that may be kept across an await.
        let ended = match Ended::part::<E, S>(ended) {
            Ok(ended) => ended,
            Err(error) => {
                drop(fail(baton, None, begun, call.postpones(), Duration::MAX));
                return held.filter(|_| call.forgives()).map(|held| *held).ok_or(error);
            }
        };
        match ended {
            Ended::Made(made) => Ok(self.share(call, baton, begun, took, made).await),
            Ended::TooLate(held) => {
                give_up(baton, call.policy.retry_after, self.left(call)).await;
                Ok(held)
            }
            Ended::Failed(kept, parcel) => {
                let asked = Instant::now();
                fail(baton, parcel, begun, call.postpones(), self.left(call)).await;
                call.spent.add(asked.elapsed());
                let held = match held.filter(|_| call.forgives()) {
                    None if call.forgives() => self.stale(call).await,
                    held => held.map(|held| *held),
                };
                held.ok_or_else(|| S::own(kept))
            }
        }
    }

    /// Polls the recompute, and renews the lease meanwhile.
    async fn recompute<O>(
        &self,
        call: &Call<'_>,
        baton: &mut Leader,
        recompute: Pin<&mut impl Future<Output = O>>,
    ) -> O {
        let (Some(lease), crew) = baton.split() else {
            let _pass = self.bypass.pass(call.others_patience()).await;
            return self.run(call, recompute).await;
        };
        let keep = async {
            lease.keep(call.policy.max_rebuild).await;
            // What will be made of this rebuild is its own caller's. The others need not wait for it.
            crew.dismiss(Outcome::Again);
        };
        beside(pin!(self.run(call, recompute)), pin!(keep)).await
    }

    /// Shares what was made: stores it if there is a lease that still holds.
    async fn share<T: Serialize>(
        &self,
        call: &Call<'_>,
        mut baton: Leader,
        begun: Ticket,
        took: Duration,
        made: Made<T>,
    ) -> T {
        let Made { value, ttl } = made;
        let outcome = match self.encode(call.key, &value) {
            Some(payload) => {
                let fenced = match (&mut baton.cargo, self.life(call, payload.len(), ttl)) {
                    (None, _) => false,
                    (Some(lease), Some(ttl)) => {
                        let delta = capped_delta(took, ttl);
                        let stale = call.policy.stale.longest();
                        let value = NewValue { payload: payload.clone(), delta, ttl, stale };
                        // Not waited for any longer, it is carried to its end in a task.
                        let filled = self.in_time(call, lease.fill(value)).await;
                        let filled = filled.unwrap_or_else(|| Err(StoreError::too_slow()));
                        filled.unwrap_or_else(|error| {
                            report::store_failed("fill", call.key, &error);
                            false
                        })
                    }
                    (Some(lease), None) => {
                        self.in_time(call, lease.release()).await.unwrap_or(false)
                    }
                };
                Outcome::value(payload, Origin { begun, fenced })
            }
            None => Outcome::Alone,
        };
        // One that the store has just failed is put right without its caller, who has waited enough.
        if let Some(mut lease) = baton.land(outcome).filter(|lease| lease.is_held()) {
            self.in_time(call, lease.release()).await;
        }
        value
    }

    /// How long a value of `bytes` bytes is to live, jitter included; `None` if it is not to be kept.
    pub(super) fn life(
        &self,
        call: &Call<'_>,
        bytes: usize,
        ttl: Option<Duration>,
    ) -> Option<Duration> {
        let ttl = ttl?;
        if ttl.is_zero() {
            // The value itself says so.
            return None;
        }
        if !options::is_storable(ttl) {
            report::not_kept(call.key, bytes, "its ttl is out of bounds");
            return None;
        }
        if bytes > call.policy.max_value_bytes {
            report::not_kept(call.key, bytes, "it is larger than `max_value_bytes`");
            return None;
        }
        let shortened = ttl.mul_f64(1.0 - call.policy.jitter * self.entropy.fraction());
        Some(if call.policy.jitter > 0.0 { shortened.max(SHORTEST) } else { ttl })
    }

    /// Carries the store of a dropped leader to its end.
    pub(super) async fn finish<T, E, S>(
        &self,
        call: &Call<'_>,
        mut baton: Leader,
    ) -> Step<Result<T, E>>
    where
        T: DeserializeOwned,
        S: Share<T, E>,
    {
        let stored = match &mut baton.cargo {
            Some(lease) => {
                let payload = lease.unfinished().map(|value| value.payload.clone());
                match self.in_time(call, lease.finish()).await {
                    Some(Ok(true)) => payload,
                    _ => None,
                }
            }
            None => None,
        };
        let outcome = match stored {
            // Fenced, so it does not matter when it was begun.
            Some(payload) => {
                let origin = Origin { begun: self.tickets.next(), fenced: true };
                Outcome::value(payload, origin)
            }
            None => Outcome::Again,
        };
        baton.land(outcome.clone());
        self.settle::<T, E, S>(call, outcome)
    }
}

/// Ends a flight whose recompute failed, whether or not that is waited for: nobody has to fail again
/// because the one who did is gone. Released first, the lease tells whether there was an invalidation
/// meanwhile, because an error may say as much about the data as a value does. That takes no longer than
/// `limit`.
fn fail(
    mut baton: Leader,
    parcel: Option<Parcel>,
    begun: Ticket,
    postpone: Option<Duration>,
    limit: Duration,
) -> ToItsEnd {
    ToItsEnd::new(async move {
        let over = async {
            match (&mut baton.cargo, postpone) {
                (Some(lease), Some(pause)) => lease.postpone(pause).await,
                (Some(lease), None) => lease.release().await,
                (None, _) => false,
            }
        };
        let fenced = in_time(limit, pin!(over)).await.unwrap_or(false);
        let outcome = match parcel {
            Some(parcel) => Outcome::Failed { parcel, origin: Origin { begun, fenced } },
            None => Outcome::Alone,
        };
        baton.land(outcome);
    })
}

/// Ends a flight whose recompute took too long, likewise. Whoever can make do with a stale value finds
/// it marked.
fn give_up(mut baton: Leader, pause: Duration, limit: Duration) -> ToItsEnd {
    ToItsEnd::new(async move {
        if let Some(lease) = &mut baton.cargo {
            in_time(limit, pin!(lease.postpone(pause))).await;
        }
        baton.land(Outcome::Again);
    })
}
