//! Limits of waiting that are seldom reached: one timer for all of a runtime's.
//!
//! Whoever waits for a reply sets itself a limit, and mostly takes it back a moment later. One of the
//! runtime's own timers for each would be a sixth of what a shared hit executes. So the limits stand in
//! a list, and one task for each runtime sleeps until the earliest. To set a later one, and to take one
//! back, only changes the list; the task then wakes once in vain, and sleeps until what is left.
//!
//! It rings a hop later than a timer would: where the runtime gives that task no turn, as a thread that blocks
//! does, limits are late. A clock that is paused may be moved on to a limit that was taken back.
//!
//! No lock is held while a waker runs or is dropped.

mod list;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Handle, Id};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::list::{List, Seat};
use crate::race::race;

/// Is ready at its deadline, by the clock of the runtime that it is polled on; never outside one, and never
/// without a deadline.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Alarm {
    deadline: Option<Instant>,
    /// Where it stands, once it has been polled.
    set: Option<(Arc<Alarms>, usize)>,
}

/// The alarms of one runtime.
struct Alarms {
    runtime: Id,
    list: Mutex<List>,
    /// The earliest is another than the task knows.
    earlier: Notify,
}

impl Alarm {
    pub(super) fn at(deadline: Option<Instant>) -> Self {
        Self { deadline, set: None }
    }

    fn take_back(&mut self) {
        if let Some((alarms, seat)) = self.set.take() {
            let left = alarms.list().leave(seat);
            drop(left); // with the lock released
        }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if let Some((alarms, seat)) = &self.set {
            match alarms.look(*seat, cx.waker()) {
                Look::Waits => return Poll::Pending,
                Look::Due => {
                    self.take_back();
                    return Poll::Ready(());
                }
                // Nobody rings there any more: it is set where it is polled now.
                Look::Over => self.take_back(),
            }
        }
        let Ok(runtime) = Handle::try_current() else { return Poll::Pending };
        self.set = Alarms::set_on(&runtime, deadline, cx.waker());
        if self.set.is_some() {
            return Poll::Pending;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Ready(());
        }
        // The runtime has ended, and somebody blocks a thread of its own on this.
        let waker = cx.waker().clone();
        let ring = move || {
            std::thread::sleep(left);
            waker.wake();
        };
        // Without a thread to be had, it is never ready.
        let _ = std::thread::Builder::new().spawn(ring);
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.take_back();
    }
}

/// What one of them has come to.
enum Look {
    Waits,
    Due,
    Over,
}

thread_local! {
    /// Those of the runtime that was the last to ask on this thread.
    static HERE: Cell<Option<Arc<Alarms>>> = const { Cell::new(None) };
}

/// Those of all runtimes.
static EVERYWHERE: Mutex<Vec<Arc<Alarms>>> = Mutex::new(Vec::new());

impl Alarms {
    /// Sets one on `runtime`, the current one; `None` if that has ended.
    fn set_on(runtime: &Handle, deadline: Instant, waker: &Waker) -> Option<(Arc<Self>, usize)> {
        let last = HERE.try_with(Cell::take).ok().flatten();
        let last = last.filter(|last| last.runtime == runtime.id());
        let set = |alarms: Arc<Self>| {
            let seat = alarms.set(deadline, waker.clone())?;
            // A thread that ends keeps nothing.
            let _ = HERE.try_with(|last| last.set(Some(Arc::clone(&alarms))));
            Some((alarms, seat))
        };
        // Those may be over, and another runtime have the number.
        last.and_then(set).or_else(|| set(Self::of(runtime)))
    }

    fn of(runtime: &Handle) -> Arc<Self> {
        let mut everywhere = everywhere();
        if let Some(found) = everywhere.iter().find(|alarms| alarms.runtime == runtime.id()) {
            return Arc::clone(found);
        }
        let (list, earlier) = (Mutex::default(), Notify::new());
        let alarms = Arc::new(Self { runtime: runtime.id(), list, earlier });
        everywhere.push(Arc::clone(&alarms));
        drop(everywhere); // which a task that cannot be started takes at once
        let ringing = Ringing { alarms: Arc::clone(&alarms), makes_a_timer: false };
        runtime.spawn(ringing.ring());
        alarms
    }

    /// `None` if nobody rings any more.
    fn set(&self, deadline: Instant, waker: Waker) -> Option<usize> {
        let mut list = self.list();
        if list.over {
            drop(list);
            drop(waker); // with the lock released
            return None;
        }
        let seat = list.take(Seat::Set { deadline, waker });
        let earlier = list.next.is_none_or(|next| deadline < next);
        if earlier {
            list.next = Some(deadline);
        }
        drop(list);
        if earlier {
            self.earlier.notify_one();
        }
        Some(seat)
    }

    fn look(&self, seat: usize, now_by: &Waker) -> Look {
        let mut list = self.list();
        let over = list.over;
        let replaced = match &mut list.seats[seat] {
            Seat::Set { waker, .. } if waker.will_wake(now_by) => None,
            Seat::Set { waker, .. } => Some(mem::replace(waker, now_by.clone())),
            Seat::Due | Seat::Free { .. } => return Look::Due,
        };
        drop(list);
        drop(replaced); // with the lock released
        if over { Look::Over } else { Look::Waits }
    }

    /// Wakes whose deadline has come; gives when the next one's will.
    fn ring(&self, now: Instant) -> Option<Instant> {
        let mut list = self.list();
        let due = list.ring(now);
        let next = list.next;
        drop(list);
        due.into_iter().for_each(Waker::wake);
        next
    }

    fn list(&self) -> MutexGuard<'_, List> {
        // Nothing that panics runs under this lock.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn everywhere() -> MutexGuard<'static, Vec<Arc<Alarms>>> {
    EVERYWHERE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task of one runtime; dropped with it.
struct Ringing {
    alarms: Arc<Alarms>,
    makes_a_timer: bool,
}

impl Ringing {
    async fn ring(mut self) {
        loop {
            let next = self.alarms.ring(Instant::now());
            let Some(next) = next else {
                self.alarms.earlier.notified().await;
                continue;
            };
            self.makes_a_timer = true; // which panics on a runtime that has none
            let timer = tokio::time::sleep_until(next);
            self.makes_a_timer = false;
            race(pin!(self.alarms.earlier.notified()), pin!(timer)).await;
        }
    }
}

impl Drop for Ringing {
    /// Those who wait may be polled elsewhere, and look again there.
    fn drop(&mut self) {
        if self.makes_a_timer {
            return; // no other task of this kind would do better: there, limits are never reached
        }
        everywhere().retain(|alarms| !Arc::ptr_eq(alarms, &self.alarms));
        let mut list = self.alarms.list();
        list.over = true;
        let waiting = list.seats.iter().filter_map(|seat| match seat {
            Seat::Set { waker, .. } => Some(waker.clone()),
            Seat::Free { .. } | Seat::Due => None,
        });
        let waiting: Vec<_> = waiting.collect();
        drop(list);
        waiting.into_iter().for_each(Waker::wake);
    }
}
