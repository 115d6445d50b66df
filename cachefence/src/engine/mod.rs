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
//! What a recompute came to, a value or an error, may be given to a caller if it was begun after the
//! caller's call, or if its lease was unbroken from before it began until it was stored or released
//! ("fenced"). Every path below is one of the two, and so no call that starts after an `invalidate`
//! returned is given anything that was read before it.

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
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

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
use crate::report;
use crate::share::{Parcel, Share};
use crate::store::{NewValue, Snapshot, Store};
use crate::time::sleep_until;

/// How often a call starts again before it does without the lock: each time, the rebuild that it
/// waited for was not stored.
const MOST_ROUNDS: u32 = 16;

/// The least that a caller gives others before it takes them for stuck.
const PATIENCE: Duration = Duration::from_secs(1);

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
    Value {
        payload: Bytes,
        origin: Origin,
    },
    Failed {
        parcel: Parcel,
        origin: Origin,
    },
    /// There is nothing that could be passed on: an error that cannot be shared, or a value that
    /// cannot be encoded. Each runs its own recompute, a few at a time.
    Alone,
    /// Start again.
    Again,
}

/// What decides who may have an outcome.
#[derive(Clone, Copy)]
struct Origin {
    begun: Ticket,
    fenced: bool,
}

/// A part of a call: its result, or how to go on.
type Step<T> = ControlFlow<T, Next>;

enum Next {
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
            // An `E` that is not `Send` must not be kept across an await, so the step ends here.
            let next = match self.step::<T, E, S>(&mut call, rounds, recompute.as_mut()).await {
                Break(result) => return Ok(result),
                Continue(next) => next,
            };
            match next {
                Next::Again => rounds += 1,
                Next::Overdue => rounds = MOST_ROUNDS,
                Next::Alone => return Ok(self.alone(&call, recompute).await),
                Next::Recursive => return Err(Recursive),
            }
        }
    }

    async fn step<T, E, S>(
        &self,
        call: &mut Call<'_>,
        rounds: u32,
        recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        if rounds < MOST_ROUNDS {
            self.round::<T, E, S>(call, recompute).await
        } else {
            self.overdue::<T, E, S>(call, recompute).await
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
                (Freshness::Fresh, Some(value)) => return Break(Ok(value)),
                (Freshness::Early, Some(value)) => {
                    return match self.rebuilds.lead(call.key.as_str()) {
                        Some(baton) => {
                            let attempt = Attempt::refresh(found.version, value);
                            self.lead::<T, E, S>(call, baton, attempt, recompute).await
                        }
                        None => Break(Ok(value)),
                    };
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
        match self.rebuilds.enter(call.key.as_str(), true) {
            Entered::Leads(baton) => self.lead::<T, E, S>(call, baton, attempt, recompute).await,
            Entered::Joins(member) => self.join::<T, E, S>(call, member, attempt, recompute).await,
        }
    }

    /// Waits for a flight as one of its members.
    async fn join<T, E, S>(
        &self,
        call: &Call<'_>,
        mut member: Member<Outcome, Option<Lease>>,
        attempt: Attempt<T>,
        recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        match race(&mut member, sleep_until(call.deadline)).await {
            First::A(Turn::Landed(outcome)) => self.settle::<T, E, S>(call, outcome),
            First::A(Turn::Leads(baton)) => {
                self.lead::<T, E, S>(call, baton, attempt, recompute).await
            }
            First::B(()) => {
                // Its leader may never end. Another process may, so it is worth looking again.
                member.cool();
                Continue(Next::Overdue)
            }
        }
    }

    /// What a flight's outcome means for one of its members.
    fn settle<T, E, S>(&self, call: &Call<'_>, outcome: Outcome) -> Step<Result<T, E>>
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
        recompute: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, E> {
        let gate = self.gates.of(call.key.as_str());
        let _pass = gate.pass(call.policy.wait_for_lock.max(PATIENCE)).await;
        match self.landed(call).await {
            Some((.., value)) => Ok(value),
            None => self.run(call, recompute).await,
        }
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

    /// What the others are given for `value`; nothing, if it cannot be encoded.
    fn encode<T: Serialize>(&self, key: &Key, value: &T) -> Option<Bytes> {
        match self.codec.encode(value) {
            Ok(payload) => Some(payload.into()),
            Err(error) => {
                report::not_encoded(key, &*error);
                None
            }
        }
    }

    /// What to do with an entry that was found, and its value if that can be served.
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
        let mut lease = Lease::new(&self.store, key, policy.lock_timeout);
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

    fn may_have(&self, origin: Origin) -> bool {
        origin.fenced || self.ticket.is_some_and(|ticket| ticket < origin.begun)
    }
}
