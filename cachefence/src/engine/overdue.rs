//! When the lock has been waited for long enough: rebuild without it.
//!
//! A rebuild without the lease is not stored, because nothing would void it if the key were
//! invalidated meanwhile. It serves its own caller, and those that called before it began. There is
//! one at a time per key and process, and a value that lands in the store meanwhile wins.

use std::future::Future;
use std::ops::ControlFlow::Break;
use std::pin::{Pin, pin};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::flight::{Baton, Crew, Entered, Member, Turn};
use super::pace::Pace;
use super::ticket::Ticket;
use super::{Call, Engine, Made, Origin, Outcome, PATIENCE, Step};
use crate::race::{First, race};
use crate::share::Share;
use crate::store::Snapshot;
use crate::time::sleep;

impl Engine {
    pub(super) async fn overdue<T, E, S>(
        &self,
        call: &Call<'_>,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
    {
        let turn = match self.overdue.enter(call.key.as_str(), false) {
            Entered::Leads(baton) => Turn::Leads(baton),
            Entered::Joins(member) => wait_while_alive(member).await,
        };
        match turn {
            Turn::Landed(outcome) => self.settle::<T, E, S>(call, outcome),
            Turn::Leads(baton) => self.lead_overdue::<T, E, S>(call, baton, recompute).await,
        }
    }

    async fn lead_overdue<T, E, S>(
        &self,
        call: &Call<'_>,
        mut baton: Baton<Outcome, ()>,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
    {
        if let Some((begun, entry, value)) = self.landed(call).await {
            land(baton, begun, entry);
            return Break(Ok(value));
        }
        let begun = self.tickets.next();
        let ((), crew) = baton.split();
        let first = {
            let (run, landing) = (self.run(call, recompute), self.landing::<T>(call, crew));
            race(pin!(run), pin!(landing)).await
        };
        let result = match first {
            First::A(result) => result.map(|made| made.value),
            First::B((begun, entry, value)) => {
                land(baton, begun, entry);
                return Break(Ok(value));
            }
        };
        let origin = Origin { begun, fenced: false };
        let (outcome, result) = match result {
            Ok(value) => {
                let payload = self.encode(call.key, &value);
                let outcome = payload.map(|payload| Outcome::value(payload, origin));
                (outcome, Ok(value))
            }
            Err(error) => match S::part(error) {
                Ok((kept, parcel)) => {
                    (parcel.map(|parcel| Outcome::Failed { parcel, origin }), Err(S::own(kept)))
                }
                Err(error) => (None, Err(error)),
            },
        };
        baton.land(outcome.unwrap_or(Outcome::Alone));
        Break(result)
    }

    /// Waits for a value to land in the store.
    async fn landing<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        crew: &Crew<Outcome, ()>,
    ) -> (Ticket, Snapshot, T) {
        let mut pace = Pace::new();
        loop {
            sleep(pace.next(false, self.entropy.fraction())).await;
            crew.beat();
            if let Some(landed) = self.landed_meanwhile(call).await {
                return landed;
            }
        }
    }
}

fn land(baton: Baton<Outcome, ()>, begun: Ticket, entry: Snapshot) {
    let origin = Origin { begun, fenced: false };
    baton.land(Outcome::value(entry.payload, origin));
}

/// Waits for a flight, unless its leader shows no life: it may be a caller that is not polled any
/// more.
async fn wait_while_alive(mut member: Member<Outcome, ()>) -> Turn<Outcome, ()> {
    loop {
        let beats = member.beats();
        match race(Pin::new(&mut member), pin!(sleep(PATIENCE))).await {
            First::A(turn) => return turn,
            First::B(()) if member.beats() != beats => {}
            First::B(()) => member.dismiss(Outcome::Again),
        }
    }
}
