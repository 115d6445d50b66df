//! The engine: one call from its read to its value.
//!
//! ```text
//! read ── fresh ─────────────────────────────► serve
//!   │ └── early ── lead a refresh ── no lease ► serve what was found
//!   │                    │
//!   │                    ▼ lease
//!   └── missing ── flight ── lead: acquire ── run the body ── seal ── store ── land
//!                    │           │
//!                    │           └ held elsewhere: wait, acquire again
//!                    └── join: given what lands, or the baton, or read again
//!                          │
//!                          └ wait_for_lock is over: load as a guest, without a lease
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
//! - *guest*: a call that loads without a lease, because the holder has been waited for long enough.
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
mod wakers;

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use self::body::Body;
use crate::error::StoreError;
use crate::key::Key;
use crate::options::Policy;
use crate::store::NewValue;

pub(crate) use self::call::Call;
pub(crate) use self::landing::Encoded;
pub(crate) use self::load::background::{InBackground, Task, Waited, Waits, in_background};
pub(crate) use self::load::decide::FirstRead;
pub(crate) use self::load::next::{Next, Served};
pub(crate) use self::load::recursion::Mark;
pub(crate) use self::parts::Engine;
use self::read::found::Found;

/// A piece of the engine's work for one call. It is boxed so that the future of a call that is served at
/// once has no room for what waiting needs.
pub(crate) type Work<'a, O> = Pin<Box<dyn Future<Output = O> + Send + 'a>>;

/// The engine's interface to the rest of the crate.
impl Engine {
    /// The value under `key`, if it is fresh and the store answers at once.
    #[inline]
    pub(crate) fn fresh_at_once(&self, key: &Key, policy: &Policy) -> Option<Bytes> {
        if self.answers_at_once { load::decide::fresh_at_once(self, key, policy) } else { None }
    }

    /// Reads for a call that begins, sharing the read with others.
    pub(crate) fn read<'a>(&'a self, call: Call<'a>) -> Work<'a, FirstRead<'a>> {
        Box::pin(load::decide::first_read(self, call))
    }

    /// How a call goes on after its read; `can_decode` is asked about a `found` value that may be
    /// served.
    pub(crate) fn decide(
        &self,
        call: &mut Call<'_>,
        found: Found,
        can_decode: &mut dyn FnMut(&Encoded) -> bool,
    ) -> Next {
        load::decide::decide(self, call, found, can_decode)
    }

    /// Takes a call from `next` to its end, with its `body`.
    pub(crate) fn serve<'a>(
        &'a self,
        call: &'a mut Call<'_>,
        next: Next,
        body: &'a Body,
    ) -> Work<'a, Option<Served>> {
        Box::pin(async move { Some(load::serve::serve(self, call, next, body).await) })
    }

    /// The right to one more load in a task; `None` if the most that may run at a time are running.
    pub(crate) fn background_permit(&self) -> Option<OwnedSemaphorePermit> {
        load::background::permit(self)
    }

    /// Leads a load in a task. Returns what the call that started the task is to be served, if the load
    /// ended in something for it.
    pub(crate) fn lead_in_task<'a>(
        &'a self,
        call: &'a mut Call<'_>,
        task: Task,
        body: &'a Body,
    ) -> Work<'a, Option<Served>> {
        Box::pin(load::background::lead_in_task(self, call, task, body))
    }

    /// Waits for a load that another call, or its task, leads.
    pub(crate) fn wait_for_task<'a>(
        &'a self,
        call: &'a mut Call<'_>,
        waits: Waits,
    ) -> Work<'a, Waited> {
        Box::pin(load::background::wait(self, call, waits))
    }

    /// The mark of a load of `key`, which stands on the thread's stack while the load's body is polled.
    pub(crate) fn mark(&self, key: &Key) -> Mark {
        Mark::new(self, key)
    }

    /// See [`direct::peek`].
    pub(crate) async fn peek<T: DeserializeOwned>(
        &self,
        key: &Key,
    ) -> Result<Option<T>, StoreError> {
        direct::peek(self, key).await
    }

    /// See [`direct::set`].
    pub(crate) async fn set(
        &self,
        key: &Key,
        policy: &Policy,
        value: NewValue,
    ) -> Result<(), StoreError> {
        direct::set(self, key, policy, value).await
    }

    /// See [`invalidations::Invalidations::invalidate`].
    pub(crate) async fn invalidate(&self, key: &Key) -> Result<(), StoreError> {
        self.invalidations.invalidate(key).await
    }

    /// See [`invalidations::Invalidations::invalidate_eventually`].
    pub(crate) async fn invalidate_eventually(&self, key: &Key) -> Result<bool, StoreError> {
        self.invalidations.invalidate_eventually(key).await
    }
}
