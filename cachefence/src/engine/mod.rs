//! The engine: one call from its read to its value.
//!
//! ```text
//! look ── fresh ─────────────────────────────► serve
//!   │ └── early ── lead a refresh ── no lease ► serve what was found
//!   │                    │
//!   │                    ▼ lease
//!   └── missing ── flight ── lead: acquire ── recompute ── seal ── fill ── land
//!                    │           │
//!                    │           └ held elsewhere: wait, acquire again
//!                    └── join: given what lands, or the baton, or start again
//!                          │
//!                          └ wait_for_lock is over: overdue, a flight without a lease
//! ```
//!
//! A value may be served to a caller if it was begun after the caller's call, or if it is in the
//! store with its lease unbroken from before its recompute began ("fenced"). Every path below is
//! one of the two, and so no call that starts after an `invalidate` returned is given anything
//! that was read before it.

mod flight;
#[cfg(test)]
mod flight_tests;
mod gates;
mod lead;
mod look;
mod overdue;
mod pace;
mod ticket;
mod within;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use self::flight::{Entered, Flights, Member, Turn};
use self::gates::Gates;
use self::lead::Attempt;
use self::look::{Look, Reading};
use self::ticket::{Ticket, Tickets};
use self::within::{is_within, within};
use crate::codec::AnyCodec;
use crate::error::StoreError;
use crate::freshness::{Freshness, Life, freshness};
use crate::key::Key;
use crate::lease::Lease;
use crate::options::Policy;
use crate::race::{First, race};
use crate::share::{Parcel, Share};
use crate::store::{NewValue, Snapshot, Store};
use crate::time::sleep_until;

/// How often a call starts again before it stops trusting the lock: each time, somebody
/// invalidated the key during a rebuild.
const MOST_ROUNDS: u32 = 16;

pub(crate) struct Engine {
    store: Arc<dyn Store>,
    codec: AnyCodec,
    tickets: Tickets,
    reads: Arc<Flights<Reading, ()>>,
    rebuilds: Arc<Flights<Outcome, Option<Lease>>>,
    overdue: Arc<Flights<Outcome, ()>>,
    gates: Gates,
}

/// A recompute asked for the key that it recomputes.
#[derive(Debug)]
pub(crate) struct Recursive;

/// How a rebuild ends for those who did not run it.
#[derive(Clone)]
enum Outcome {
    /// There is a value, for whoever may have it.
    Value {
        payload: Bytes,
        /// What came before this may not have the value unless it is fenced.
        begun: Ticket,
        fenced: bool,
    },
    /// The recompute failed, and everybody can be told.
    Failed(Parcel),
    /// There is nothing that could be passed on: an error that cannot be shared, or a value that
    /// cannot be encoded. Each runs its own recompute, a few at a time.
    Alone,
    /// Start again.
    Again,
}

/// What a part of a call comes to.
enum Step<T> {
    Done(T),
    /// Start again from the read.
    Again,
    /// The lock has been waited for long enough.
    Overdue,
    /// Run the recompute for this caller only.
    Alone,
    /// The call is made by the recompute that it would wait for.
    Recursive,
}

/// One call's view of itself.
struct Call<'a> {
    key: &'a Key,
    policy: &'a Policy,
    /// Taken before the first read; `None` while no order matters yet.
    ticket: Option<Ticket>,
    /// When `wait_for_lock` is over; starts with the first miss.
    deadline: Option<Instant>,
}

impl Engine {
    pub(crate) fn new(store: Arc<dyn Store>, codec: AnyCodec) -> Self {
        Self {
            store,
            codec,
            tickets: Tickets::default(),
            reads: Arc::new(Flights::new()),
            rebuilds: Arc::new(Flights::new()),
            overdue: Arc::new(Flights::new()),
            gates: Gates::default(),
        }
    }

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
        mut recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<Result<T, E>, Recursive>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        let mut call = Call { key, policy, ticket: None, deadline: None };
        let mut rounds = 0;
        loop {
            let step = if rounds < MOST_ROUNDS {
                self.round::<T, E, S>(&mut call, recompute.as_mut()).await
            } else {
                self.overdue::<T, E, S>(&call, recompute.as_mut()).await
            };
            match step {
                Step::Done(result) => return Ok(result),
                Step::Again => rounds += 1,
                Step::Overdue => rounds = MOST_ROUNDS,
                Step::Alone => return Ok(self.alone(&call, recompute).await),
                Step::Recursive => return Err(Recursive),
            }
        }
    }

    async fn round<T, E, S>(
        &self,
        call: &mut Call<'_>,
        recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        let mut attempt = Attempt::default();
        match self.look(call).await {
            Look::Found(found) => match self.judge::<T>(call, &found) {
                (Freshness::Fresh, Some(value)) => return Step::Done(Ok(value)),
                (Freshness::Early, Some(value)) => {
                    return match self.rebuilds.lead(call.key.as_str()) {
                        Some(baton) => {
                            let attempt = Attempt::refresh(found.version, value);
                            self.lead::<T, E, S>(call, baton, attempt, recompute).await
                        }
                        None => Step::Done(Ok(value)),
                    };
                }
                _ => attempt.seen = Some(found.version),
            },
            Look::Nothing => {}
            Look::Unavailable => attempt.reachable = false,
            Look::Underway(_) if self.is_within(call.key) => return Step::Recursive,
            Look::Underway(member) => {
                call.started_waiting(&self.tickets);
                attempt.looked = false;
                return self.join::<T, E, S>(call, member, attempt, recompute).await;
            }
        }
        if self.is_within(call.key) {
            return Step::Recursive;
        }
        call.started_waiting(&self.tickets);
        match self.rebuilds.enter(call.key.as_str(), true) {
            Entered::Leads(baton) => self.lead::<T, E, S>(call, baton, attempt, recompute).await,
            Entered::Joins(member) => self.join::<T, E, S>(call, member, attempt, recompute).await,
        }
    }

    /// Waits for a flight as one of its members.
    async fn join<T, E, S>(
        &self,
        call: &Call<'_>,
        member: Member<Outcome, Option<Lease>>,
        attempt: Attempt<T>,
        recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        match race(member, sleep_until(call.deadline)).await {
            First::A(Turn::Landed(outcome)) => self.settle::<T, E, S>(call, outcome),
            First::A(Turn::Leads(baton)) => {
                self.lead::<T, E, S>(call, baton, attempt, recompute).await
            }
            First::B(()) => Step::Overdue,
        }
    }

    /// What a flight's outcome means for one of its members.
    fn settle<T, E, S>(&self, call: &Call<'_>, outcome: Outcome) -> Step<Result<T, E>>
    where
        T: DeserializeOwned,
        S: Share<E>,
    {
        match outcome {
            Outcome::Value { payload, begun, fenced } => {
                if !fenced && !call.began_before(begun) {
                    return Step::Again;
                }
                match self.codec.decode(&payload) {
                    Ok(value) => Step::Done(Ok(value)),
                    Err(_) => Step::Alone,
                }
            }
            Outcome::Failed(parcel) => match S::unpack(&*parcel) {
                Some(error) => Step::Done(Err(error)),
                None => Step::Alone,
            },
            Outcome::Alone => Step::Alone,
            Outcome::Again => Step::Again,
        }
    }

    /// Runs the recompute for this caller only.
    async fn alone<O>(&self, call: &Call<'_>, recompute: Pin<&mut impl Future<Output = O>>) -> O {
        let gate = self.gates.of(call.key.as_str());
        // Past the deadline it goes ahead without a permit: those who hold the permits may be
        // callers that are not polled any more.
        let _permit = race(gate.acquire(), sleep_until(call.deadline)).await;
        self.run(call, recompute).await
    }

    /// Polls a recompute, with its name on it.
    async fn run<O>(&self, call: &Call<'_>, recompute: Pin<&mut impl Future<Output = O>>) -> O {
        within(self.address(), call.key.as_str(), recompute).await
    }

    fn is_within(&self, key: &Key) -> bool {
        is_within(self.address(), key.as_str())
    }

    /// Tells this engine from others.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The outcome of `value` for the others, stored if there is a lease that still holds.
    fn encode<T: Serialize>(&self, key: &Key, value: &T) -> Result<Bytes, Outcome> {
        self.codec.encode(value).map(Bytes::from).map_err(|error| {
            crate::report::not_encoded(key, &*error);
            Outcome::Alone
        })
    }

    /// The value of a snapshot, if it decodes, and what to do with it.
    fn judge<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        found: &Snapshot,
    ) -> (Freshness, Option<T>) {
        let life = Life { delta: found.delta, expiry: found.expiry };
        let drawn = 1.0 - rand::random::<f64>();
        match freshness(life, call.policy.beta, found.now, drawn) {
            Freshness::Expired => (Freshness::Expired, None),
            valid => (valid, self.codec.decode(&found.payload).ok()),
        }
    }

    /// The value under `key`, if it is valid; runs nothing.
    pub(crate) async fn peek<T: DeserializeOwned>(
        &self,
        key: &Key,
    ) -> Result<Option<T>, StoreError> {
        let found = self.store.read(key).await?;
        Ok(found
            .filter(|found| found.expiry > found.now)
            .and_then(|found| self.codec.decode(&found.payload).ok()))
    }

    /// Stores `payload` whatever is there, and voids every rebuild that is under way.
    pub(crate) async fn put(&self, key: &Key, value: &NewValue) -> Result<(), StoreError> {
        let result = self.store.put(key, value).await;
        self.rebuilds.void(key.as_str(), Outcome::Again);
        result
    }

    /// Removes the entry, and voids every rebuild that is under way.
    pub(crate) async fn invalidate(&self, key: &Key) -> Result<(), StoreError> {
        let result = self.store.invalidate(key).await;
        // After the store: a flight that begins in between finds the lock free there.
        self.rebuilds.void(key.as_str(), Outcome::Again);
        result
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) fn codec(&self) -> &AnyCodec {
        &self.codec
    }
}

impl Call<'_> {
    /// From here on the order of things matters, and the clock of `wait_for_lock` runs.
    fn started_waiting(&mut self, tickets: &Tickets) {
        self.ticket.get_or_insert_with(|| tickets.next());
        if self.deadline.is_none() {
            self.deadline = Instant::now().checked_add(self.policy.wait_for_lock);
        }
    }

    fn began_before(&self, begun: Ticket) -> bool {
        self.ticket.is_some_and(|ticket| ticket < begun)
    }
}
