//! One call on its way through the engine.
//!
//! A call reads, decides, and is served, or loads, or waits, perhaps several times over. [`Call`] holds
//! what stays with it all the way: its key and options, the ticket that says when it began, its
//! deadlines, and the time that it has waited for the store. [`Attempt`] holds what the call knows when
//! it loads or waits for a load, and passes from one step to the next.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::budget::StoreBudget;
use super::landing::{Encoded, Landing, Origin};
use super::load::kept::Foreign;
use super::load::task::TaskState;
use super::parts::Engine;
use super::ticket::{Ticket, Tickets};
use crate::codec::AnyCodec;
use crate::error::BoxError;
use crate::force;
use crate::key::Key;
use crate::observe::{BypassReason, RequestResult, WaitSpan};
use crate::options::Policy;
use crate::store::{Kind, Outcome, Revision, Snapshot, Store, Take};
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
    /// The task of a load that the call is made in, in place of its caller.
    task: Option<Arc<TaskState>>,
    /// Whether tasks lead the call's loads.
    detaches: bool,
    /// Whether the call is to be given what is read after it began, whatever there is.
    is_forced: bool,
    /// When the call began, in the order of calls, reads and loads. It is taken before the first read,
    /// except of a store that answers at once: there it is `None` until the call loads or waits.
    pub(super) ticket: Option<Ticket>,
    /// When the call first missed, from which its waiting counts. `None` before that.
    missed: Option<Instant>,
    /// How long the call has waited for other callers' loads, in microseconds.
    waited_micros: AtomicU64,
    /// How long the call has waited for the store.
    pub(super) budget: StoreBudget,
    /// How often the call has read again.
    pub(super) rounds: u32,
}

/// A call that is made in the task of a load, in place of its caller.
pub(crate) struct TaskCall {
    decodes: Decodes,
    ticket: Option<Ticket>,
    missed: Option<Instant>,
    is_forced: bool,
    /// How long the caller has waited for the store.
    spent: Duration,
    state: Arc<TaskState>,
}

impl TaskCall {
    pub(crate) fn with<'a>(self, key: &'a Key, policy: &'a Policy) -> Call<'a> {
        let Self { decodes, ticket, missed, is_forced, spent, state } = self;
        let budget = StoreBudget::default();
        budget.set(spent);
        let task = Some(state);
        Call { task, is_forced, ticket, missed, budget, ..Call::new(key, policy, decodes) }
    }
}

/// What a call knows when it loads, or waits for another caller's load.
pub(crate) struct Attempt {
    pub(super) seen: Seen,
    /// The entry that was seen, if it is a value of another type.
    pub(super) foreign: Option<Foreign>,
    pub(super) purpose: Purpose,
    /// The value that the call serves if the load gives it nothing better. It is in a box because most callers
    /// that wait have none.
    pub(super) held: Option<Box<Held>>,
}

/// A value that a call holds while it tries to get a better one.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) value: Encoded,
    /// How the call is served if it is given this value.
    pub(crate) result: RequestResult,
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

/// Why a call loads, and whether it waits for another process that loads already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The call has no valid value: it waits for the load, whoever runs it.
    Miss,
    /// As `Miss`, but the call does not wait for another process, for this reason: it loads at once, as a guest
    /// if it cannot have the lease.
    AtOnce(BypassReason),
    /// The call has a value to serve, and waits for nobody else's load.
    Refresh,
}

impl Purpose {
    /// The purpose of a call that has found an entry which it may not serve, and which says that a load has ended
    /// in nothing.
    pub(super) fn at_once(entry: &Snapshot) -> Self {
        Self::AtOnce(match entry.kind {
            Kind::Uncacheable => BypassReason::Uncacheable,
            Kind::Value => BypassReason::NotShared,
        })
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(key: &'a Key, policy: &'a Policy, decodes: Decodes) -> Self {
        Self {
            key,
            policy,
            decodes,
            task: None,
            detaches: false,
            is_forced: force::is_forced(),
            ticket: None,
            missed: None,
            waited_micros: AtomicU64::new(0),
            budget: StoreBudget::default(),
            rounds: 0,
        }
    }

    /// The part of this call that its task needs to lead a load in its place.
    pub(crate) fn for_task(&self, state: &Arc<TaskState>) -> TaskCall {
        let Self { decodes, ticket, missed, is_forced, .. } = *self;
        let (spent, state) = (self.budget.spent(), Arc::clone(state));
        TaskCall { decodes, ticket, missed, is_forced, spent, state }
    }

    /// Has tasks lead the loads of this call, or, if they cannot, has the call lead them itself.
    pub(crate) fn detach(&mut self, detaches: bool) {
        self.detaches = detaches;
    }

    pub(super) fn detaches(&self) -> bool {
        self.detaches
    }

    /// Whether the call is to be given what is read after it began, whatever there is.
    pub(super) fn is_forced(&self) -> bool {
        self.is_forced
    }

    /// The state of the task that this call is made in, if it is a load's task.
    pub(super) fn task(&self) -> Option<&Arc<TaskState>> {
        self.task.as_ref()
    }

    /// Whether nobody is given what the call returns.
    pub(crate) fn is_unwaited(&self) -> bool {
        self.task().is_some_and(|task| !task.is_waited_for())
    }

    /// The template of the key, which stands for the function; empty for a key that was given as a string.
    pub(crate) fn template(&self) -> &'static str {
        self.key.template().unwrap_or_default()
    }

    /// Takes the call's ticket and starts the clock of its waiting, unless that has been done.
    pub(super) fn start_waiting(&mut self, tickets: &Tickets) {
        self.ticket.get_or_insert_with(|| tickets.next());
        self.missed.get_or_insert_with(Instant::now);
    }

    /// Notes how the call was served.
    pub(crate) fn served(&self, engine: &Engine, result: RequestResult) {
        if self.task().is_some() {
            return; // the caller counts itself
        }
        let waited = match self.waited_micros.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        };
        engine.observers.served(self.key, result, waited);
    }

    /// The call waits for another caller's load, until the guard is dropped.
    pub(super) fn wait(&self, engine: &Engine) -> Wait<'_> {
        let span = WaitSpan::begin(engine.observers.name(), self.template());
        Wait { micros: &self.waited_micros, since: Instant::now(), span }
    }

    /// Until when the call waits for other callers' loads: less long if it holds a stale value to serve instead.
    /// `None` is for ever. `since` is when the load began, if that is known: calls that come to a load which hangs
    /// do not each wait for it anew.
    pub(super) fn waits_until(&self, attempt: &Attempt, since: Option<Instant>) -> Option<Instant> {
        let soft = since.or(self.missed).and_then(|since| self.soft_limit(since));
        let soft = soft.filter(|_| attempt.held.is_some());
        match (self.ends_waiting(), soft) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b), // `None` is no limit
        }
    }

    /// When all waiting of the call for other callers' loads is over: twice `wait_for_lock` after it first
    /// missed, once for the load that it found and once for the hedge beside that. `None` is never.
    pub(super) fn ends_waiting(&self) -> Option<Instant> {
        self.missed?.checked_add(self.policy.wait_for_lock.checked_mul(2)?)
    }

    /// How long the body of a guest may take before it is taken for one that hangs, and another guest loads.
    pub(super) fn guest_hangs_after(&self) -> Duration {
        /// Where callers wait for nobody, a guest is all that keeps them from loading at once.
        const WITHOUT_WAITING: Duration = Duration::from_secs(60);
        match self.policy.wait_for_lock {
            Duration::ZERO => WITHOUT_WAITING,
            wait => wait.max(STUCK_AFTER).saturating_mul(2),
        }
    }

    /// Whether a load that last showed `progress` then has kept the call's process waiting for so long that it
    /// is given a hedge.
    pub(super) fn is_late(&self, progress: Instant) -> bool {
        progress.elapsed() >= self.policy.wait_for_lock
    }

    /// As [`is_late`](Self::is_late), for the refresh of a value that is served meanwhile: nobody waits, so there is no
    /// hurry.
    pub(super) fn is_late_refresh(&self, progress: Instant) -> bool {
        progress.elapsed() >= self.policy.wait_for_lock.max(STUCK_AFTER)
    }

    /// When a load that last showed `progress` then is late. `None` is never.
    pub(super) fn late_at(&self, progress: Instant) -> Option<Instant> {
        progress.checked_add(self.policy.wait_for_lock)
    }

    /// Until when a recompute that began at `begun` is waited for, where there is a value to serve
    /// instead. `None` is for ever.
    pub(super) fn soft_limit(&self, begun: Instant) -> Option<Instant> {
        begun.checked_add(self.policy.recompute_timeout?)
    }

    /// Whether there is a stale window.
    pub(super) fn forgives(&self) -> bool {
        !self.policy.stale.longest().is_zero()
    }

    /// Whether the call serves a value that is there rather than an error.
    pub(super) fn falls_back(&self) -> bool {
        self.forgives() && !self.is_forced
    }

    /// How the lease of this call's load ends if the load fails: no process loads the key again for
    /// `retry_after`, where there may be a value to serve meanwhile.
    pub(super) fn failed(&self) -> Outcome {
        if self.forgives() || self.task().is_some() {
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
    /// call, or it is fenced. A call that is forced may have it only if its recompute began after the call.
    pub(super) fn may_have(&self, origin: &Origin) -> bool {
        let is_later = self.ticket.is_some_and(|ticket| ticket < origin.begun);
        if self.is_forced { is_later && origin.is_load } else { is_later || origin.fenced }
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
        Self { seen, foreign: None, purpose: Purpose::Miss, held: None }
    }

    /// An attempt to load at once, by a call that has waited long enough for others.
    pub(super) fn guest() -> Self {
        let purpose = Purpose::AtOnce(BypassReason::WaitedTooLong);
        Self { seen: Seen::Unread, foreign: None, purpose, held: None }
    }

    pub(super) fn is_refresh(&self) -> bool {
        self.purpose == Purpose::Refresh
    }

    /// Which lease the attempt asks for: that of a guest, which has waited long enough, may be the hedge.
    pub(super) fn takes(&self) -> Take {
        match self.purpose {
            Purpose::AtOnce(BypassReason::WaitedTooLong) => Take::Beside,
            Purpose::Miss | Purpose::AtOnce(_) | Purpose::Refresh => Take::IfFree,
        }
    }

    /// The revision that the call has seen, and that the store need not give it again.
    pub(super) fn seen_revision(&self) -> Option<Revision> {
        match self.seen {
            Seen::Revision(revision) => Some(revision),
            Seen::Unread | Seen::Unavailable(_) | Seen::Nothing => None,
        }
    }
}
