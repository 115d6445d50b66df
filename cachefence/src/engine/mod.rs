//! The engine: one call from its read to its value.
//!
//! ```text
//! read ── fresh ─────────────────────────────► serve
//!   │ └── early ── lead a refresh ── no lease ► serve what was found
//!   │                    │
//!   │                    ▼ lease
//!   └── missing ── flight ── lead: acquire ── run the body ── seal ── store ── land
//!                    │           │
//!                    │           └ held elsewhere: wait, acquire again; ask for the hedge
//!                    └── join: given what lands, or the baton, or read again
//!                          │
//!                          ├ wait_for_lock without progress: one member leads a hedge
//!                          └ twice wait_for_lock is over: load as a guest
//! ```
//!
//! The result of a load, a value or an error, may be given to a call if the load began after the call,
//! or if the load's lease was unbroken from before it began until its value was stored or the lease
//! released ("fenced"). On every path below one of the two holds, and so no call that starts after an
//! `invalidate` returned is given anything that was read before it.
//!
//! The engine knows no types: it moves bytes about, and says when it wants a body run. The generic part
//! of a call is `crate::fetch`.
//!
//! # Glossary
//!
//! - *recompute*, *body*: what runs when there is no value to serve: the user's function.
//! - *load*: one run of a recompute. A load while a value can still be served is a *refresh*.
//! - *flight*: many callers of one key, one of whom works for all ([`flight`]). The caller that works
//!   *leads* and holds the *baton*, the others *join*. Nobody joins a flight that is *sealed*; when it
//!   *lands*, everybody is given its *landing*: a value, an error, or neither ([`landing`]).
//! - *next read*: the flight of those who wait for a key to be read ([`read`]).
//! - *lease*: the right to store a value, held in the store for a limited time by a *token*
//!   (`crate::lease`). A load whose lease was unbroken is *fenced*.
//! - *hedge*: a second lease of a key beside the first, whose holder shows no progress.
//! - *guest*: a load without a lease of its own, because the holders have been waited for long enough. It stores by their
//!   tokens.
//! - *mark*: what stands in the entry's place for a second, because the value was not to be cached.
//! - *detached*: led by a task in place of a call, and so not ended by what becomes of the call.
//! - *ticket*: a place in the order in which calls, reads and loads began ([`ticket`]).
//! - *budget*: how long a call may still wait for its store ([`budget`]).
//! - *pending invalidation*: one that has not reached the store ([`invalidations`]).

pub(crate) mod body;
mod budget;
mod call;
mod direct;
mod flight;
#[cfg(test)]
mod flight_tests;
mod flights;
mod invalidations;
mod landing;
mod load;
mod parts;
mod read;
mod ticket;
mod verify;
mod wakers;

pub(crate) use self::call::{Call, Held, Work};
pub(crate) use self::direct::{inspect, peek, set};
pub(crate) use self::landing::Encoded;
pub(crate) use self::load::decide::{FirstRead, decide, first_read, fresh_at_once};
pub(crate) use self::load::detached::{ToDetach, Waited, Waits, wait_for_task};
pub(crate) use self::load::next::{Done, Next, Served};
pub(crate) use self::load::recursion::Mark;
pub(crate) use self::load::serve::serve;
pub(crate) use self::parts::Engine;
pub(crate) use self::verify::verify;
