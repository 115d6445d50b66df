//! Leading a flight: get the lease, and rebuild.

use std::future::{Future, pending};
use std::ops::ControlFlow::{Break, Continue};
use std::pin::{Pin, pin};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::pace::Pace;
use super::ticket::Ticket;
use super::{Call, Engine, Leader, Made, Next, Origin, Outcome, Step};
use crate::error::StoreError;
use crate::race::{First, race};
use crate::report;
use crate::share::Share;
use crate::store::{Acquired, Kind, Revision, Snapshot, Watch};
use crate::time::{sleep, sleep_until};

/// What a caller knows when it gets to lead.
pub(super) struct Attempt<T> {
    /// The entry that it found and cannot use.
    pub(super) seen: Option<Revision>,
    /// Whether it has looked at all.
    pub(super) looked: bool,
    /// Whether the store answered.
    pub(super) reachable: bool,
    /// What it serves if there is nothing better. Boxed, since few have one and all have room for it.
    pub(super) held: Option<Box<T>>,
    /// Whether it waits for others to rebuild.
    pub(super) waits: bool,
}

impl<T> Default for Attempt<T> {
    fn default() -> Self {
        Self { seen: None, looked: true, reachable: true, held: None, waits: true }
    }
}

impl<T> Attempt<T> {
    /// To refresh an entry that could be served as well, without waiting for anybody.
    pub(super) fn refresh(seen: Revision, held: Option<T>) -> Self {
        Self { seen: Some(seen), held: held.map(Box::new), waits: false, ..Self::default() }
    }

    fn request(&self) -> Request {
        let holds_a_value = self.held.is_some();
        Request { seen: self.seen, reachable: self.reachable, waits: self.waits, holds_a_value }
    }
}

/// What matters of an attempt while the lease is asked for. It does not hold the value, which may be
/// `Send` and not `Sync`.
#[derive(Clone, Copy)]
struct Request {
    seen: Option<Revision>,
    reachable: bool,
    waits: bool,
    holds_a_value: bool,
}

/// How the attempt to get a lease ended.
enum Obtained {
    /// Recompute; the store will take the value.
    Lease,
    /// Recompute; the store cannot be asked.
    NoStore,
    /// There is another entry now, read at `begun` or later.
    Newer { begun: Ticket, entry: Snapshot },
    /// Another process holds the lock, and the caller has waited long enough, or does not wait.
    Nothing,
}

impl Engine {
    /// Works for the flight of `baton`. Whenever this future is dropped, the baton passes on, with
    /// whatever lease it has come to.
    pub(super) async fn lead<T, E, S>(
        &self,
        call: &Call<'_>,
        mut baton: Leader,
        mut attempt: Attempt<T>,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
    {
        if baton.cargo.as_ref().is_some_and(|lease| lease.unfinished().is_some()) {
            return self.finish::<T, E, S>(call, baton).await;
        }
        loop {
            match self.obtain(call, &mut baton, attempt.request()).await {
                Obtained::Lease | Obtained::NoStore => {
                    let held = attempt.held;
                    return Break(self.rebuild::<T, E, S>(call, baton, held, recompute).await);
                }
                Obtained::Newer { begun, entry } => {
                    // What was written after the look is new, however short it lives. One that has
                    // not looked does not know, and a mark may have been all that was written.
                    let is_new =
                        attempt.looked && entry.retry_at.is_none() && entry.kind == Kind::Value;
                    let decode = || self.codec.decode(&entry.payload).ok();
                    let value = if is_new { decode() } else { self.servable(call, &entry) };
                    if let Some(value) = value {
                        // One that is stale, and served because it is not to be rebuilt yet, is for
                        // each to judge by their own windows.
                        let outcome = if is_new || entry.expiry > entry.now {
                            let origin = Origin { begun, fenced: false };
                            Outcome::value(entry.payload, origin)
                        } else {
                            Outcome::Again
                        };
                        baton.land(outcome);
                        return Break(Ok(value));
                    }
                    attempt.seen = Some(entry.revision);
                }
                Obtained::Nothing => {
                    return attempt.held.map_or(Continue(Next::Overdue), |held| Break(Ok(*held)));
                }
            }
        }
    }

    async fn obtain(
        &self,
        call: &Call<'_>,
        baton: &mut Leader,
        Request { seen, reachable, waits, holds_a_value }: Request,
    ) -> Obtained {
        if baton.cargo.as_ref().is_some_and(|lease| lease.is_held()) {
            return Obtained::Lease;
        }
        if !reachable {
            baton.cargo = None;
            return Obtained::NoStore;
        }
        let mut pace = Pace::new();
        let mut may_look_again = self.store.traits().wakes && self.store.status().pushes;
        let mut watch = (waits && may_look_again).then(Watch::new);
        loop {
            let begun = self.tickets.next();
            if self.owed.has(call.key) {
                // What the store holds is what was to be removed. If that is asked for after `begun`,
                // whatever is found is newer than it.
                baton.cargo = None;
                return if waits { Obtained::NoStore } else { Obtained::Nothing };
            }
            let spent = call.spent.get();
            let lease =
                baton.cargo.get_or_insert_with(|| self.lease(call.key, call.policy.lock_timeout));
            let acquired = self.in_time(call, lease.acquire(seen, watch.as_ref())).await;
            let remaining = match acquired.unwrap_or_else(|| Err(StoreError::too_slow())) {
                Ok(Acquired::Lease) => return Obtained::Lease,
                Ok(Acquired::Newer(entry)) => return Obtained::Newer { begun, entry },
                Ok(Acquired::Held(_)) if !waits => return Obtained::Nothing,
                Ok(Acquired::Held(held)) => held.remaining(),
                Err(_) if watch.as_ref().is_some_and(Watch::was_armed) => {
                    // Being woken takes a connection of its own. Without it, once more.
                    (may_look_again, watch) = (false, None);
                    continue;
                }
                Err(error) => {
                    report::store_failed("acquire", call.key, &error);
                    // What was asked for may still be granted, and then proves nothing: an
                    // invalidation may have come in between.
                    baton.cargo = None;
                    return if waits { Obtained::NoStore } else { Obtained::Nothing };
                }
            };
            // It is another's rebuild that is waited for, not the store.
            call.spent.set(spent);
            if may_look_again && watch.as_ref().is_some_and(|watch| !watch.is_armed()) {
                // Looks again at once, to be woken: the lock may have been given back in between.
                may_look_again = false;
                continue;
            }
            let watched = watch.as_ref().filter(|watch| watch.is_armed());
            let pause = pace.next(watched.is_some(), self.entropy.fraction());
            // Not before the store has counted the millisecond in which the lease ends.
            let pause = sleep(pause.min(remaining.saturating_add(Duration::from_millis(1))));
            let changed = async {
                match watched {
                    Some(watch) => watch.changed().await,
                    None => pending().await,
                }
            };
            let (pause, changed) = (pin!(pause), pin!(changed));
            let look_again = pin!(race(pause, changed));
            if let First::B(()) =
                race(look_again, pin!(sleep_until(call.patience(holds_a_value)))).await
            {
                return Obtained::Nothing;
            }
        }
    }
}
