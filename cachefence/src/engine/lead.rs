//! Leading a flight: get the lease, recompute, store, land.

use std::future::Future;
use std::ops::ControlFlow::{Break, Continue};
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::flight::Baton;
use super::pace::Pace;
use super::ticket::Ticket;
use super::{Call, Engine, Next, Origin, Outcome, Step};
use crate::freshness::capped_delta;
use crate::lease::Lease;
use crate::race::{First, beside, race};
use crate::report;
use crate::share::{Parcel, Share};
use crate::store::{Acquired, NewValue, Snapshot, Version};
use crate::time::{detach, sleep, sleep_until};

/// What a caller knows when it gets to lead.
pub(super) struct Attempt<T> {
    /// The entry that it found and cannot use.
    pub(super) seen: Option<Version>,
    /// Whether it has looked at all.
    pub(super) looked: bool,
    /// Whether the store answered.
    pub(super) reachable: bool,
    /// The valid value that it was drawn to refresh: it does not wait for a lock.
    held: Option<T>,
}

impl<T> Default for Attempt<T> {
    fn default() -> Self {
        Self { seen: None, looked: true, reachable: true, held: None }
    }
}

impl<T> Attempt<T> {
    pub(super) fn refresh(seen: Version, held: T) -> Self {
        Self { seen: Some(seen), held: Some(held), ..Self::default() }
    }

    fn request(&self) -> Request {
        Request { seen: self.seen, reachable: self.reachable, waits: self.held.is_none() }
    }
}

/// What matters of an attempt while the lease is asked for. It does not hold the value, which may be
/// `Send` and not `Sync`.
#[derive(Clone, Copy)]
struct Request {
    seen: Option<Version>,
    reachable: bool,
    waits: bool,
}

/// How the attempt to get a lease ended.
enum Obtained {
    /// Recompute; the store will take the value.
    Lease,
    /// Recompute; the store cannot be asked.
    NoStore,
    /// There is another entry now, read at `begun` or later.
    Newer { begun: Ticket, entry: Snapshot },
    /// Another process holds the lock, and the caller has waited long enough; or it holds a valid
    /// value and does not wait at all.
    Nothing,
}

impl Engine {
    /// Works for the flight of `baton`. Whenever this future is dropped, the baton passes on, with
    /// whatever lease it has come to.
    pub(super) async fn lead<T, E, S>(
        &self,
        call: &Call<'_>,
        mut baton: Baton<Outcome, Option<Lease>>,
        mut attempt: Attempt<T>,
        recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        if baton.cargo.as_ref().is_some_and(|lease| lease.unfinished().is_some()) {
            return self.finish::<T, E, S>(call, baton).await;
        }
        loop {
            match self.obtain(call, &mut baton, attempt.request()).await {
                Obtained::Lease | Obtained::NoStore => {
                    return Break(self.rebuild::<T, E, S>(call, baton, recompute).await);
                }
                Obtained::Newer { begun, entry } => {
                    // One that has not looked before does not know how old this is.
                    let usable = attempt.looked || entry.expiry > entry.now;
                    let value = usable.then(|| self.codec.decode(&entry.payload).ok()).flatten();
                    if let Some(value) = value {
                        let origin = Origin { begun, fenced: false };
                        baton.land(Outcome::Value { payload: entry.payload, origin });
                        return Break(Ok(value));
                    }
                    attempt.seen = Some(entry.version);
                }
                Obtained::Nothing => {
                    return attempt.held.map_or(Continue(Next::Overdue), |held| Break(Ok(held)));
                }
            }
        }
    }

    async fn obtain(
        &self,
        call: &Call<'_>,
        baton: &mut Baton<Outcome, Option<Lease>>,
        Request { seen, reachable, waits }: Request,
    ) -> Obtained {
        if baton.cargo.as_ref().is_some_and(Lease::is_held) {
            return Obtained::Lease;
        }
        if !reachable {
            baton.cargo = None;
            return Obtained::NoStore;
        }
        let lease =
            baton.cargo.get_or_insert_with(|| self.lease(call.key, call.policy.lock_timeout));
        let mut pace = Pace::new();
        loop {
            let begun = self.tickets.next();
            let remaining = match lease.acquire(seen).await {
                Ok(Acquired::Lease) => return Obtained::Lease,
                Ok(Acquired::Newer(entry)) => return Obtained::Newer { begun, entry },
                Ok(Acquired::Held { .. }) if !waits => return Obtained::Nothing,
                Ok(Acquired::Held { remaining }) => remaining,
                Err(error) => {
                    report::store_failed("acquire", call.key, &error);
                    // What was asked for may still be granted, and then proves nothing: an
                    // invalidation may have come in between.
                    baton.cargo = None;
                    return if waits { Obtained::NoStore } else { Obtained::Nothing };
                }
            };
            // Not before the store has counted the millisecond in which the lease ends.
            let pause =
                pace.next(self.entropy.fraction()).min(remaining + Duration::from_millis(1));
            if let First::B(()) = race(sleep(pause), sleep_until(call.deadline)).await {
                return Obtained::Nothing;
            }
        }
    }

    /// Recomputes, and shares what comes of it.
    async fn rebuild<T, E, S>(
        &self,
        call: &Call<'_>,
        mut baton: Baton<Outcome, Option<Lease>>,
        recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, E>
    where
        T: Serialize,
        S: Share<E>,
    {
        let begun = self.tickets.next();
        let started = Instant::now();
        let result = match baton.split() {
            (Some(lease), crew) => {
                let keep = async {
                    lease.keep(call.policy.max_rebuild).await;
                    // What will be made of this rebuild is its own caller's. The others need not
                    // wait for it.
                    crew.dismiss(Outcome::Again);
                };
                beside(self.run(call, recompute), keep).await
            }
            (None, _) => self.run(call, recompute).await,
        };
        let delta = capped_delta(started.elapsed(), call.policy.ttl);
        // Nobody may join any more: what they would be given was read before they came, and the
        // store may accept it although they know of a change since.
        baton.seal();
        // From here on there is no `E` but the one that may be kept across an await.
        let kept = match result.map_err(S::part) {
            Ok(value) => Ok(value),
            Err(Ok(kept)) => Err(kept),
            Err(Err(error)) => {
                detach(fail(baton, None, begun));
                return Err(error);
            }
        };
        match kept {
            Ok(value) => {
                let outcome = match self.encode(call.key, &value) {
                    Some(payload) => {
                        let value = NewValue { payload, delta, ttl: call.policy.ttl };
                        self.store_for_all(call, &mut baton, begun, value).await
                    }
                    None => Outcome::Alone,
                };
                if let Some(mut lease) = baton.land(outcome) {
                    lease.release().await;
                }
                Ok(value)
            }
            Err((kept, parcel)) => {
                fail(baton, parcel, begun).await;
                Err(S::own(kept))
            }
        }
    }

    /// Stores `value`, if there is a lease that still holds.
    async fn store_for_all(
        &self,
        call: &Call<'_>,
        baton: &mut Baton<Outcome, Option<Lease>>,
        begun: Ticket,
        value: NewValue,
    ) -> Outcome {
        let payload = value.payload.clone();
        let fenced = match &mut baton.cargo {
            Some(lease) => lease.fill(value).await.unwrap_or_else(|error| {
                report::store_failed("fill", call.key, &error);
                false
            }),
            None => false,
        };
        Outcome::Value { payload, origin: Origin { begun, fenced } }
    }

    /// Carries the store of a dropped leader to its end.
    async fn finish<T, E, S>(
        &self,
        call: &Call<'_>,
        mut baton: Baton<Outcome, Option<Lease>>,
    ) -> Step<Result<T, E>>
    where
        T: DeserializeOwned,
        S: Share<E>,
    {
        let stored = match &mut baton.cargo {
            Some(lease) => {
                let payload = lease.unfinished().map(|value| value.payload.clone());
                lease.finish().await.is_ok_and(|stored| stored).then_some(payload).flatten()
            }
            None => None,
        };
        let outcome = match stored {
            // Fenced, so it does not matter when it was begun.
            Some(payload) => {
                let origin = Origin { begun: self.tickets.next(), fenced: true };
                Outcome::Value { payload, origin }
            }
            None => Outcome::Again,
        };
        baton.land(outcome.clone());
        self.settle::<T, E, S>(call, outcome)
    }
}

/// Ends a flight whose recompute failed. Released first, the lease tells whether there was an
/// invalidation meanwhile, because an error may say as much about the data as a value does.
async fn fail(mut baton: Baton<Outcome, Option<Lease>>, parcel: Option<Parcel>, begun: Ticket) {
    let fenced = match &mut baton.cargo {
        Some(lease) => lease.release().await,
        None => false,
    };
    let outcome = match parcel {
        Some(parcel) => Outcome::Failed { parcel, origin: Origin { begun, fenced } },
        None => Outcome::Alone,
    };
    baton.land(outcome);
}
