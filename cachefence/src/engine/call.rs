//! One call's view of itself: which key, on which options, since when, for how long.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::budget::StoreBudget;
use super::landing::{Encoded, Origin};
use super::ticket::{Ticket, Tickets};
use crate::codec::AnyCodec;
use crate::key::Key;
use crate::options::Policy;
use crate::store::{Revision, Store};
use crate::time::in_time;

/// After so long a caller takes others for stuck, at the earliest.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(1);

/// Whether bytes decode to a value of the call's type, which the engine does not know.
pub(crate) type Decodes = fn(&AnyCodec, &[u8]) -> bool;

pub(crate) struct Call<'a> {
    pub(super) key: &'a Key,
    pub(crate) policy: &'a Policy,
    pub(super) decodes: Decodes,
    pub(super) audience: Audience,
    /// Taken before the first read; `None` while no order matters yet.
    pub(super) ticket: Option<Ticket>,
    /// When `wait_for_lock` is over; starts with the first miss.
    pub(super) deadline: Option<Instant>,
    /// When a stale value is served rather than waited for a fresh one; starts with the first that was
    /// found.
    pub(super) soft_deadline: Option<Instant>,
    /// What it has waited for the store.
    pub(super) budget: StoreBudget,
    /// How often it has read again.
    pub(super) rounds: u32,
}

/// Who waits for a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    Caller,
    /// It is the task of a background load.
    Nobody,
}

/// What a call knows when it loads or waits for somebody who does.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(super) seen: Seen,
    pub(super) purpose: Purpose,
    /// What the call serves if there is nothing better.
    pub(super) held: Option<Encoded>,
}

/// What a call has seen of the entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It has not read.
    Unread,
    /// The store did not answer.
    Unavailable,
    Nothing,
    /// This revision, which it cannot use or is to refresh.
    Revision(Revision),
}

/// Why a call loads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// There is nothing that it could serve: it waits for whoever loads.
    Miss,
    /// There is a value to serve: it waits for nobody.
    Refresh,
}

impl<'a> Call<'a> {
    pub(crate) fn new(key: &'a Key, policy: &'a Policy, decodes: Decodes) -> Self {
        Self {
            key,
            policy,
            decodes,
            audience: Audience::Caller,
            ticket: None,
            deadline: None,
            soft_deadline: None,
            budget: StoreBudget::default(),
            rounds: 0,
        }
    }

    /// The call of a load that runs in a task.
    pub(crate) fn in_background(key: &'a Key, policy: &'a Policy, decodes: Decodes) -> Self {
        Self { audience: Audience::Nobody, ..Self::new(key, policy, decodes) }
    }

    /// From here on the order of things matters, and the clock of `wait_for_lock` runs.
    pub(super) fn start_waiting(&mut self, tickets: &Tickets) {
        self.ticket.get_or_insert_with(|| tickets.next());
        if self.deadline.is_none() {
            self.deadline = Instant::now().checked_add(self.policy.wait_for_lock);
        }
    }

    /// From here on the clock of `recompute_timeout` runs.
    pub(super) fn may_give_up(&mut self) {
        if self.soft_deadline.is_none() {
            self.soft_deadline = self.soft_limit(Instant::now());
        }
    }

    /// Until when the call waits for others: less long if it holds a value to serve instead.
    pub(super) fn waits_until(&self, attempt: &Attempt) -> Option<Instant> {
        let soft = self.soft_deadline.filter(|_| attempt.held.is_some());
        match (self.deadline, soft) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b), // `None` is never
        }
    }

    /// After how long the call takes those before it in a queue for stuck.
    pub(super) fn stuck_after(&self) -> Duration {
        self.policy.wait_for_lock.max(STUCK_AFTER)
    }

    /// Until when a recompute that begins at `begun` is waited for where there is a stale value.
    pub(super) fn soft_limit(&self, begun: Instant) -> Option<Instant> {
        begun.checked_add(self.policy.recompute_timeout?)
    }

    /// Whether a stale value is served rather than an error.
    pub(super) fn forgives(&self) -> bool {
        !self.policy.stale.longest().is_zero()
    }

    /// For how long nobody is to try again after a failure.
    pub(super) fn postpones(&self) -> Option<Duration> {
        let postpones = self.forgives() || self.audience == Audience::Nobody;
        postpones.then_some(self.policy.retry_after)
    }

    /// How long the call may still wait for its `store`.
    pub(super) fn left(&self, store: &dyn Store) -> Duration {
        store.traits().call_budget.saturating_sub(self.budget.spent())
    }

    /// Waits for an `operation` of the `store`, no longer than the call may still wait for it; `None` if
    /// that is over. Dropped then, the operation may take effect all the same.
    pub(super) async fn within_budget<T>(
        &self,
        store: &dyn Store,
        operation: impl Future<Output = T>,
    ) -> Option<T> {
        let sent = Instant::now();
        let result = in_time(self.left(store), pin!(operation)).await;
        self.budget.add_since(sent);
        result
    }

    /// Whether the call may have what landed: something that was begun after the call, or a fenced one.
    pub(super) fn may_have(&self, origin: Origin) -> bool {
        origin.fenced || self.ticket.is_some_and(|ticket| ticket < origin.begun)
    }
}

impl Attempt {
    pub(super) fn miss(seen: Seen) -> Self {
        Self { seen, purpose: Purpose::Miss, held: None }
    }

    /// The revision that is not to be given to the call again.
    pub(super) fn seen_revision(&self) -> Option<Revision> {
        match self.seen {
            Seen::Revision(revision) => Some(revision),
            Seen::Unread | Seen::Unavailable | Seen::Nothing => None,
        }
    }
}
