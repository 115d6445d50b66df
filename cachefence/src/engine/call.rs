//! One call on its way through the engine.
//!
//! A call reads, decides, and is served, or loads, or waits, perhaps several times over. [`Call`] holds
//! what stays with it all the way: its key and options, the ticket that says when it began, its
//! deadlines, and the time that it has waited for the store. [`Attempt`] holds what the call knows when
//! it loads or waits for a load, and passes from one step to the next.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::budget::StoreBudget;
use super::landing::{Encoded, Landing, Origin};
use super::parts::Engine;
use super::ticket::{Ticket, Tickets};
use crate::codec::AnyCodec;
use crate::error::BoxError;
use crate::key::Key;
use crate::observe::{BypassReason, RequestResult, WaitSpan};
use crate::options::Policy;
use crate::store::{Outcome, Revision, Store};
use crate::time::in_time;

/// How long another caller may show no progress, at least, before it is taken for stuck: its future may
/// not be polled any more.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(1);

/// A piece of the engine's work for one call. It is boxed so that the future of a call that is served at
/// once has no room for what waiting needs.
pub(crate) type Work<'a, O> = Pin<Box<dyn Future<Output = O> + Send + 'a>>;

/// Finds out whether bytes decode to a value of the call's type, which the engine does not know.
pub(crate) type Decodes = fn(&AnyCodec, &[u8]) -> Result<(), BoxError>;

/// One call: its key and options, when it began, and how long it may wait.
pub(crate) struct Call<'a> {
    pub(super) key: &'a Key,
    pub(crate) policy: &'a Policy,
    pub(crate) decodes: Decodes,
    pub(super) audience: Audience,
    /// When the call began, in the order of calls, reads and loads. It is taken before the first read,
    /// except of a store that answers at once: there it is `None` until the call loads or waits.
    pub(super) ticket: Option<Ticket>,
    /// When the call first missed, from which `wait_for_lock` counts. `None` before that.
    missed: Option<Instant>,
    /// How long the call has waited for other callers' loads, in microseconds.
    waited_micros: AtomicU64,
    /// When the call serves its stale value rather than wait for a fresh one: `recompute_timeout` after
    /// the first stale value was found, or after the start of the task's load that the call waits for.
    pub(super) soft_deadline: Option<Instant>,
    /// How long the call has waited for the store.
    pub(super) budget: StoreBudget,
    /// How often the call has read again.
    pub(super) rounds: u32,
}

/// Who waits for a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    Caller,
    /// The call runs in the task of a background load.
    Nobody,
}

/// What a call knows when it loads, or waits for another caller's load.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(super) seen: Seen,
    pub(super) purpose: Purpose,
    /// The value that the call serves if the load gives it nothing better. It is in a box because most callers
    /// that wait have none.
    pub(super) held: Option<Box<Held>>,
}

/// A value that a call holds while it tries to get a better one.
#[derive(Clone)]
pub(crate) struct Held {
    pub(super) value: Encoded,
    /// How the call is served if it is given this value.
    pub(super) result: RequestResult,
}

/// What a call has seen of the entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The call has not read the entry.
    Unread,
    /// The store could not be read.
    Unavailable(BypassReason),
    Nothing,
    /// The entry had this revision, which the call cannot serve or is to refresh.
    Revision(Revision),
}

/// Why a call loads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The call has no valid value: it waits for the load, whoever runs it.
    Miss,
    /// The call has a value to serve, and waits for nobody else's load.
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
            missed: None,
            waited_micros: AtomicU64::new(0),
            soft_deadline: None,
            budget: StoreBudget::default(),
            rounds: 0,
        }
    }

    /// The call of a load that runs in a task.
    pub(crate) fn in_background(key: &'a Key, policy: &'a Policy, decodes: Decodes) -> Self {
        Self { audience: Audience::Nobody, ..Self::new(key, policy, decodes) }
    }

    /// Takes the call's ticket and starts the clock of `wait_for_lock`, unless that has been done.
    pub(super) fn start_waiting(&mut self, tickets: &Tickets) {
        self.ticket.get_or_insert_with(|| tickets.next());
        self.missed.get_or_insert_with(Instant::now);
    }

    pub(crate) fn key(&self) -> &Key {
        self.key
    }

    /// Notes how the call was served.
    pub(crate) fn served(&self, engine: &Engine, result: RequestResult) {
        let waited = match self.waited_micros.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        };
        engine.observers.served(self.key, result, waited);
    }

    /// The call waits for another caller's load, until the guard is dropped.
    pub(super) fn wait(&self, engine: &Engine) -> Wait<'_> {
        let template = self.key.template().unwrap_or_default();
        let span = WaitSpan::begin(engine.observers.name(), template);
        Wait { micros: &self.waited_micros, since: Instant::now(), span }
    }

    /// Starts the clock of `recompute_timeout`, unless it runs.
    pub(super) fn may_give_up(&mut self) {
        if self.soft_deadline.is_none() {
            self.soft_deadline = self.soft_limit(Instant::now());
        }
    }

    /// Until when the call waits for other callers' loads: less long if it holds a stale value to serve
    /// instead. `None` is for ever.
    pub(super) fn waits_until(&self, attempt: &Attempt) -> Option<Instant> {
        let soft = self.soft_deadline.filter(|_| attempt.held.is_some());
        let hard = self.missed.and_then(|since| since.checked_add(self.policy.wait_for_lock));
        match (hard, soft) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b), // `None` is no limit
        }
    }

    /// How long the callers before this one in a queue may make no progress before the call takes them
    /// for stuck.
    pub(super) fn stuck_after(&self) -> Duration {
        self.policy.wait_for_lock.max(STUCK_AFTER)
    }

    /// Until when a recompute that began at `begun` is waited for, where there is a value to serve
    /// instead. `None` is for ever.
    pub(super) fn soft_limit(&self, begun: Instant) -> Option<Instant> {
        begun.checked_add(self.policy.recompute_timeout?)
    }

    /// Whether there is a stale window, in which case the call serves a value rather than an error.
    pub(super) fn forgives(&self) -> bool {
        !self.policy.stale.longest().is_zero()
    }

    /// How the lease of this call's load ends if the load fails: no process loads the key again for
    /// `retry_after`, where there may be a value to serve meanwhile.
    pub(super) fn failed(&self) -> Outcome {
        if self.forgives() || self.audience == Audience::Nobody {
            Outcome::Postpone(self.policy.retry_after)
        } else {
            Outcome::Release
        }
    }

    /// How long the call may still wait for its `store`.
    pub(super) fn left(&self, store: &dyn Store) -> Duration {
        let left = |budget: Duration| budget.saturating_sub(self.budget.spent());
        store.traits().call_budget.map_or(Duration::MAX, left)
    }

    /// Waits for an `operation` of the `store`, no longer than what is left of the call's budget. `None`
    /// if the budget is used up first: the operation is dropped then, and may take effect all the same.
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

    /// Whether the bytes of an entry are a value of the call's type. One that is not is told of.
    pub(super) fn decodes(&self, engine: &Engine, payload: &[u8]) -> bool {
        let decoded = (self.decodes)(&engine.codec, payload);
        if let Err(error) = &decoded {
            engine.observers.undecodable_entry(self.key, &**error);
        }
        decoded.is_ok()
    }

    /// Whether the call may be given a landing of this `origin`: its read or recompute began after the
    /// call, or it is fenced.
    pub(super) fn may_have(&self, origin: &Origin) -> bool {
        origin.fenced || self.ticket.is_some_and(|ticket| ticket < origin.begun)
    }
}

/// A call's wait for another caller's load.
pub(super) struct Wait<'a> {
    micros: &'a AtomicU64,
    since: Instant,
    span: WaitSpan,
}

impl Wait<'_> {
    /// The wait was for the load that `landing` comes from.
    pub(super) fn was_for(&self, landing: &Landing) {
        if let Landing::Value { origin, .. } | Landing::Failed { origin, .. } = landing {
            self.span.follows_from(&origin.load);
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let micros = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        // At least one, because zero is no wait.
        self.micros.fetch_add(micros.max(1), Ordering::Relaxed);
    }
}

impl Attempt {
    pub(super) fn miss(seen: Seen) -> Self {
        Self { seen, purpose: Purpose::Miss, held: None }
    }

    /// The revision that the call has seen, and that the store need not give it again.
    pub(super) fn seen_revision(&self) -> Option<Revision> {
        match self.seen {
            Seen::Revision(revision) => Some(revision),
            Seen::Unread | Seen::Unavailable(_) | Seen::Nothing => None,
        }
    }
}
