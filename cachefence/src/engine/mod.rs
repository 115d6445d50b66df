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

mod direct;
mod fetch;
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

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use self::flight::Flights;
use self::gates::Gates;
use self::look::Reading;
use self::ticket::{Ticket, Tickets};
use crate::codec::AnyCodec;
use crate::entropy::Entropy;
use crate::key::Key;
use crate::lease::Lease;
use crate::options::Policy;
use crate::share::Parcel;
use crate::store::Store;

/// The least that a caller gives others before it takes them for stuck.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Engine {
    store: Arc<dyn Store>,
    codec: AnyCodec,
    entropy: Entropy,
    tickets: Tickets,
    /// `None` ends a read that showed no life.
    reads: Arc<Flights<Option<Reading>, ()>>,
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
    pub(crate) fn new(store: Arc<dyn Store>, codec: AnyCodec, entropy: Entropy) -> Self {
        Self {
            store,
            codec,
            entropy,
            tickets: Tickets::default(),
            reads: Arc::new(Flights::new()),
            rebuilds: Arc::new(Flights::new()),
            overdue: Arc::new(Flights::new()),
            gates: Gates::default(),
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) fn codec(&self) -> &AnyCodec {
        &self.codec
    }

    /// A lease that is not asked for yet.
    fn lease(&self, key: &Key, term: Duration) -> Lease {
        Lease::new(&self.store, key, &self.entropy, term)
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
