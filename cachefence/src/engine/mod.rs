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

mod background;
mod decide;
mod direct;
mod fetch;
mod flight;
#[cfg(test)]
mod flight_tests;
mod gates;
mod habits;
mod join;
mod lead;
mod look;
mod overdue;
mod owed;
mod pace;
mod patience;
mod rebuild;
mod runway;
#[cfg(test)]
mod runway_tests;
mod ticket;
mod within;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::flight::{Baton, Flights, Member};
use self::gates::{Gate, Gates};
use self::look::Reading;
use self::owed::Owed;
use self::patience::Spent;
use self::runway::Runway;
use self::ticket::{Ticket, Tickets};
use crate::chance::Chance;
use crate::codec::AnyCodec;
use crate::freshness::Draws;
use crate::key::Key;
use crate::lease::Lease;
use crate::options::Policy;
use crate::share::{Decoded, Parcel};
use crate::store::Store;

/// How many refreshes of one cache run in tasks of their own at a time.
const MOST_IN_BACKGROUND: usize = 256;

/// The least that a caller gives others before it takes them for stuck.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Engine {
    store: Arc<dyn Store>,
    /// What the store says of itself, for every hit to know.
    answers_at_once: bool,
    codec: AnyCodec,
    entropy: Chance,
    draws: Draws,
    tickets: Tickets,
    runway: Runway,
    /// Those who wait for the next read of a key.
    boarding: Arc<Flights<Reading, ()>>,
    rebuilds: Arc<Flights<Outcome, Cargo>>,
    overdue: Arc<Flights<Outcome, ()>>,
    gates: Gates,
    /// Those who rebuild because the store cannot be asked.
    bypass: Gate,
    /// Refreshes in tasks of their own.
    background: Arc<Semaphore>,
    owed: Owed,
}

/// What a recompute made.
pub(crate) struct Made<T> {
    pub(crate) value: T,
    /// Where the value itself decides.
    pub(crate) ttl: Option<Duration>,
}

/// What passes from one leader of a rebuild to the next: the lease, if it has come to one. Boxed, since
/// every joiner has room for it.
type Cargo = Option<Box<Lease>>;

type Leader = Baton<Outcome, Cargo>;
type Joiner = Member<Outcome, Cargo>;

/// A recompute asked for the key that it recomputes.
#[derive(Debug)]
pub(crate) struct Recursive;

/// How a rebuild ends for those who did not run it.
#[derive(Clone)]
enum Outcome {
    Value {
        payload: Bytes,
        decoded: Decoded,
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

impl Outcome {
    fn value(payload: Bytes, origin: Origin) -> Self {
        Self::Value { payload, decoded: Decoded::for_many(), origin }
    }
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
}

/// One call's view of itself.
struct Call<'a> {
    key: &'a Key,
    policy: &'a Policy,
    /// Taken before the first read; `None` while no order matters yet.
    ticket: Option<Ticket>,
    /// When `wait_for_lock` is over; starts with the first miss.
    deadline: Option<Instant>,
    /// When a stale value is served rather than waited for a fresh one; starts with the first that was
    /// found.
    soft_deadline: Option<Instant>,
    /// What it has waited for the store.
    spent: Spent,
    /// How often it has started again.
    rounds: u32,
    /// Whether nobody waits for this call.
    in_background: bool,
}

impl Engine {
    /// `most_bypassing` is how many may rebuild at a time while the store cannot be asked.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        codec: AnyCodec,
        entropy: Chance,
        most_bypassing: usize,
    ) -> Self {
        Self {
            answers_at_once: store.traits().answers_at_once,
            store,
            codec,
            draws: Draws::new(entropy.number()),
            entropy,
            tickets: Tickets::default(),
            runway: Runway::new(),
            boarding: Arc::new(Flights::new()),
            rebuilds: Arc::new(Flights::new()),
            overdue: Arc::new(Flights::new()),
            gates: Gates::default(),
            bypass: Gate::new(most_bypassing),
            background: Arc::new(Semaphore::new(MOST_IN_BACKGROUND)),
            owed: Owed::default(),
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) fn codec(&self) -> &AnyCodec {
        &self.codec
    }

    /// A lease that is not asked for yet.
    fn lease(&self, key: &Key, term: Duration) -> Box<Lease> {
        Box::new(Lease::new(&self.store, key, &self.entropy, term))
    }
}

impl<'a> Call<'a> {
    fn new(key: &'a Key, policy: &'a Policy) -> Self {
        Self {
            key,
            policy,
            ticket: None,
            deadline: None,
            soft_deadline: None,
            spent: Spent::default(),
            rounds: 0,
            in_background: false,
        }
    }

    /// A call that nobody waits for.
    fn in_background(key: &'a Key, policy: &'a Policy) -> Self {
        Self { in_background: true, ..Self::new(key, policy) }
    }

    /// From here on the order of things matters, and the clock of `wait_for_lock` runs.
    fn started_waiting(&mut self, tickets: &Tickets) {
        self.ticket.get_or_insert_with(|| tickets.next());
        if self.deadline.is_none() {
            self.deadline = Instant::now().checked_add(self.policy.wait_for_lock);
        }
    }

    /// From here on the clock of `recompute_timeout` runs.
    fn may_give_up(&mut self) {
        if self.soft_deadline.is_none() {
            self.soft_deadline = self.soft_limit(Instant::now());
        }
    }

    /// Until when it waits for others, with something to serve if that takes too long or without.
    fn patience(&self, holds_a_value: bool) -> Option<Instant> {
        earlier(self.deadline, self.soft_deadline.filter(|_| holds_a_value))
    }

    /// How long it gives each of those before it in a queue.
    fn others_patience(&self) -> Duration {
        self.policy.wait_for_lock.max(PATIENCE)
    }

    /// Until when a recompute that begins at `begun` is waited for where there is a stale value.
    fn soft_limit(&self, begun: Instant) -> Option<Instant> {
        begun.checked_add(self.policy.recompute_timeout?)
    }

    /// Whether a stale value is served rather than an error.
    fn forgives(&self) -> bool {
        !self.policy.stale.longest().is_zero()
    }

    /// For how long nobody is to try again after a failure.
    fn postpones(&self) -> Option<Duration> {
        (self.forgives() || self.in_background).then_some(self.policy.retry_after)
    }

    fn may_have(&self, origin: Origin) -> bool {
        origin.fenced || self.ticket.is_some_and(|ticket| ticket < origin.begun)
    }
}

/// Whichever comes first; `None` is never.
fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
