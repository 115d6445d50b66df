//! Landings: how a load ends for the callers that did not run it, and which of them may be given its
//! result.
//!
//! A landing that is a value or an error carries its [`Origin`]: when its load began, and whether it
//! was fenced. By these two each caller tells whether the result may be older than an invalidation
//! that it knows of. A caller for which that may be so reads again instead. The other two landings
//! carry nothing: each caller runs its own recompute, or reads again.

use std::time::Duration;

use bytes::Bytes;

use super::flight::{Baton, Flight, Member, Turn};
use super::flights::{Flights, Place};
use super::ticket::Ticket;
use crate::lease::Lease;
use crate::observe::LoadSpan;
use crate::share::{Decoded, SharedErr};

/// The outcome of a load for the callers that wait for it.
#[derive(Clone)]
pub(crate) enum Landing {
    Value {
        value: Encoded,
        origin: Origin,
    },
    Failed {
        error: SharedErr,
        origin: Origin,
    },
    /// The load ended in nothing that could be passed on: an error that cannot be shared, a panic, or a value
    /// that can be neither cloned nor decoded. Each caller runs its own recompute, a few at once and the rest after this
    /// pause.
    NotShared {
        pause: Duration,
    },
    /// Every caller reads again.
    ReadAgain,
}

/// An encoded value, and the place where the first of several callers leaves the decoded one.
#[derive(Clone)]
pub(crate) struct Encoded {
    pub(crate) payload: Bytes,
    pub(crate) decoded: Decoded,
}

impl Encoded {
    /// A value for one caller.
    pub(super) fn for_one(payload: Bytes) -> Self {
        Self { payload, decoded: Decoded::for_one() }
    }

    /// A value for all callers that wait.
    pub(crate) fn for_many(payload: Bytes) -> Self {
        Self { payload, decoded: Decoded::for_many() }
    }
}

/// What a landing comes from, which decides who may be given it; see
/// [`Call::may_have`](super::call::Call::may_have).
#[derive(Clone)]
pub(crate) struct Origin {
    /// When the read or the recompute behind it began.
    pub(super) begun: Ticket,
    /// Whether `begun` is that of the recompute. Of a value that was read from the store nobody knows when its load
    /// began.
    pub(super) is_load: bool,
    /// Whether the lease was unbroken from before the load began until its value was stored or the
    /// lease released.
    pub(super) fenced: bool,
    /// The load itself, for the spans of those who waited for it.
    pub(super) load: LoadSpan,
}

/// What passes from one leader of a load to the next: the lease, if the load has one. The lease is
/// boxed, because every joiner has room for the cargo.
pub(crate) type Cargo = Option<Box<Lease>>;

/// Loads by key: those under lease, or those of guests, which carry none.
pub(crate) type Loads = Flights<Landing, Cargo>;

pub(crate) type Leader = Baton<Landing, Cargo, Place<Landing, Cargo>>;
pub(crate) type Joiner = Member<Landing, Cargo, Place<Landing, Cargo>>;
pub(super) type LoadTurn = Turn<Landing, Cargo, Place<Landing, Cargo>>;
pub(super) type LoadFlight = Flight<Landing, Cargo, Place<Landing, Cargo>>;
