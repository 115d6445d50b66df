//! When the lock has been waited for long enough: rebuild without it.
//!
//! A rebuild without the lease is not stored, because nothing would void it if the key were
//! invalidated meanwhile. It serves its own caller, and those that called before it began. There is
//! one at a time per key and process, and a value that lands in the store meanwhile wins.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::flight::{Baton, Entered, Turn};
use super::pace::Pace;
use super::ticket::Ticket;
use super::{Call, Engine, Outcome, Step};
use crate::race::{First, race};
use crate::share::Share;
use crate::store::{Snapshot, Version};
use crate::time::{sleep, sleep_until};

/// The least that a caller gives an overdue rebuild before it starts its own: its leader may be a
/// caller that is not polled any more.
const PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    pub(super) async fn overdue<T, E, S>(
        &self,
        call: &Call<'_>,
        recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        let member = match self.overdue.enter(call.key.as_str(), false) {
            Entered::Leads(baton) => {
                return self.lead_overdue::<T, E, S>(call, baton, recompute).await;
            }
            Entered::Joins(member) => member,
        };
        let patience = call.policy.wait_for_lock.max(PATIENCE);
        match race(member, sleep_until(Instant::now().checked_add(patience))).await {
            First::A(Turn::Landed(outcome)) => self.settle::<T, E, S>(call, outcome),
            First::A(Turn::Leads(baton)) => {
                self.lead_overdue::<T, E, S>(call, baton, recompute).await
            }
            First::B(()) => {
                self.overdue.void(call.key.as_str(), Outcome::Again);
                Step::Again
            }
        }
    }

    async fn lead_overdue<T, E, S>(
        &self,
        call: &Call<'_>,
        baton: Baton<Outcome, ()>,
        recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        let begun = self.tickets.next();
        let result = match race(self.run(call, recompute), self.landing::<T>(call)).await {
            First::A(result) => result,
            First::B((begun, entry, value)) => {
                baton.land(Outcome::Value { payload: entry.payload, begun, fenced: false });
                return Step::Done(Ok(value));
            }
        };
        let outcome = match &result {
            Ok(value) => match self.encode(call.key, value) {
                Ok(payload) => Outcome::Value { payload, begun, fenced: false },
                Err(outcome) => outcome,
            },
            Err(error) => match S::pack(error) {
                Some(parcel) => Outcome::Failed(parcel),
                None => Outcome::Alone,
            },
        };
        baton.land(outcome);
        Step::Done(result)
    }

    /// Waits for a value to land in the store.
    async fn landing<T: DeserializeOwned>(&self, call: &Call<'_>) -> (Ticket, Snapshot, T) {
        let mut pace = Pace::new();
        let mut useless: Option<Version> = None;
        loop {
            sleep(pace.next(rand::random())).await;
            let begun = self.tickets.next();
            // A store that fails has nothing to offer; the recompute is under way.
            let Ok(Some(entry)) = self.store.read(call.key).await else { continue };
            if entry.expiry <= entry.now || useless == Some(entry.version) {
                continue;
            }
            match self.codec.decode(&entry.payload) {
                Ok(value) => return (begun, entry, value),
                Err(_) => useless = Some(entry.version),
            }
        }
    }
}
