//! Time limits that are seldom reached: all those of one runtime share one timer.
//!
//! A caller that waits for a reply sets a limit, and mostly takes it back a moment later. With one of
//! tokio's own timers for each limit, timers would be a sixth of the instructions of a shared hit. So the
//! limits stand in a list, and one task per runtime sleeps until the earliest limit. Setting a later limit,
//! or taking one back, only changes the list. If the earliest is taken back, the task wakes once in vain and
//! then sleeps until the earliest limit that is left.
//!
//! An alarm comes one task switch later than a timer would, and late where a blocked thread gives that task no
//! turn. On a runtime that has ended, where no task runs any more, each alarm has a thread of its own. In a test with a paused clock, tokio may advance the clock to a limit that was taken back.
//!
//! No lock is held while a waker runs or is dropped.

mod list;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::list::{List, Timer};
use crate::race::race;
use crate::sync::lock;

/// A future that is ready at its deadline, by the clock of the runtime that polls it. Outside a runtime, and
/// without a deadline, it is never ready.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Alarm {
    deadline: Option<Instant>,
    /// The list that holds this alarm, and its place there; `None` before the first poll.
    set: Option<(Arc<Alarms>, usize)>,
}

/// The alarms of one runtime, or the one alarm of a runtime that has ended.
struct Alarms {
    runtime: Id,
    list: Mutex<List>,
    /// Tells the task that there is an alarm earlier than the one it sleeps for.
    earlier: Notify,
}

impl Alarm {
    pub(super) fn at(deadline: Option<Instant>) -> Self {
        Self { deadline, set: None }
    }

    fn take_back(&mut self) {
        if let Some((alarms, timer)) = self.set.take() {
            let left = alarms.list().remove(timer);
            drop(left); // with the lock released
        }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if let Some((alarms, timer)) = &self.set {
            match alarms.state(*timer, cx.waker()) {
                TimerState::Waits => return Poll::Pending,
                TimerState::Due => {
                    self.take_back();
                    return Poll::Ready(());
                }
                // The task of that runtime has ended: sets the alarm on the runtime that polls it now.
                TimerState::Over => self.take_back(),
            }
        }
        let Ok(runtime) = Handle::try_current() else { return Poll::Pending };
        self.set = Alarms::set_on(&runtime, deadline, cx.waker());
        if self.set.is_some() {
            return Poll::Pending;
        }
        if deadline <= Instant::now() {
            return Poll::Ready(());
        }
        self.set = Alarms::set_on_a_thread(&runtime, deadline, cx.waker());
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.take_back();
    }
}

/// The state of an alarm in its list.
enum TimerState {
    Waits,
    Due,
    Over,
}

thread_local! {
    /// The alarms of the runtime that last set one on this thread.
    static HERE: Cell<Option<Arc<Alarms>>> = const { Cell::new(None) };
}

/// The alarms of all runtimes.
static EVERYWHERE: Mutex<Vec<Arc<Alarms>>> = Mutex::new(Vec::new());

impl Alarms {
    /// Sets an alarm on `runtime`, the current one; `None` if the runtime has ended.
    fn set_on(runtime: &Handle, deadline: Instant, waker: &Waker) -> Option<(Arc<Self>, usize)> {
        let last = HERE.try_with(Cell::take).ok().flatten();
        let last = last.filter(|last| last.runtime == runtime.id());
        let set = |alarms: Arc<Self>| {
            let timer = alarms.set(deadline, waker.clone())?;
            // A thread that is ending has no thread-local storage any more; nothing is kept then.
            let _ = HERE.try_with(|last| last.set(Some(Arc::clone(&alarms))));
            Some((alarms, timer))
        };
        // The alarms kept for this thread may belong to a runtime that has ended, whose id a new runtime has now.
        last.and_then(set).or_else(|| set(Self::of(runtime)))
    }

    /// Sets an alarm where the `runtime` has ended and a thread still blocks on a future: a thread of the alarm's own
    /// sleeps and rings. `None` if no thread can be started.
    fn set_on_a_thread(
        runtime: &Handle,
        deadline: Instant,
        waker: &Waker,
    ) -> Option<(Arc<Self>, usize)> {
        /// How soon the thread ends after the alarm has been dropped.
        const LOOKS: Duration = Duration::from_secs(1);
        let alarms = Arc::new(Self::new(runtime));
        let timer = alarms.set(deadline, waker.clone())?;
        let alarm = Arc::downgrade(&alarms);
        let ring = move || {
            while let Some(alarms) = alarm.upgrade() {
                let now = Instant::now();
                if deadline <= now {
                    alarms.ring(now);
                    return;
                }
                drop(alarms);
                thread::sleep((deadline - now).min(LOOKS));
            }
        };
        let named = thread::Builder::new().name("cachefence".to_owned());
        named.spawn(ring).ok().map(|_| (alarms, timer))
    }

    fn new(runtime: &Handle) -> Self {
        Self { runtime: runtime.id(), list: Mutex::default(), earlier: Notify::new() }
    }

    fn of(runtime: &Handle) -> Arc<Self> {
        let mut everywhere = everywhere();
        if let Some(found) = everywhere.iter().find(|alarms| alarms.runtime == runtime.id()) {
            return Arc::clone(found);
        }
        let alarms = Arc::new(Self::new(runtime));
        everywhere.push(Arc::clone(&alarms));
        drop(everywhere); // a task that cannot be started is dropped at once, which takes this lock
        let ringing = Ringing { alarms: Arc::clone(&alarms), makes_a_timer: false };
        runtime.spawn(ringing.ring());
        alarms
    }

    /// Adds an alarm to the list; `None` if the task that rings has ended.
    fn set(&self, deadline: Instant, waker: Waker) -> Option<usize> {
        let mut list = self.list();
        if list.over {
            drop(list);
            drop(waker); // with the lock released
            return None;
        }
        let timer = list.insert(Timer::Set { deadline, waker });
        let earlier = list.next.is_none_or(|next| deadline < next);
        if earlier {
            list.next = Some(deadline);
        }
        drop(list);
        if earlier {
            self.earlier.notify_one();
        }
        Some(timer)
    }

    fn state(&self, timer: usize, now_by: &Waker) -> TimerState {
        let mut list = self.list();
        let over = list.over;
        let replaced = match &mut list.timers[timer] {
            Timer::Set { waker, .. } if waker.will_wake(now_by) => None,
            Timer::Set { waker, .. } => Some(mem::replace(waker, now_by.clone())),
            Timer::Due | Timer::Free { .. } => return TimerState::Due,
        };
        drop(list);
        drop(replaced); // with the lock released
        if over { TimerState::Over } else { TimerState::Waits }
    }

    /// Wakes every alarm whose deadline has come; gives the earliest deadline that is left.
    fn ring(&self, now: Instant) -> Option<Instant> {
        let mut list = self.list();
        let due = list.ring(now);
        let next = list.next;
        drop(list);
        due.into_iter().for_each(Waker::wake);
        next
    }

    fn list(&self) -> MutexGuard<'_, List> {
        lock(&self.list)
    }
}

fn everywhere() -> MutexGuard<'static, Vec<Arc<Alarms>>> {
    lock(&EVERYWHERE)
}

/// The task that rings the alarms of one runtime; dropped with the runtime.
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
            self.makes_a_timer = true; // a runtime without timers panics in the next line
            let timer = tokio::time::sleep_until(next);
            self.makes_a_timer = false;
            race(pin!(self.alarms.earlier.notified()), pin!(timer)).await;
        }
    }
}

impl Drop for Ringing {
    /// Wakes all that wait: another runtime may poll them, and they then set their alarms there.
    fn drop(&mut self) {
        if self.makes_a_timer {
            return; // another task on this runtime would panic as well: without timers, no limit is reached
        }
        everywhere().retain(|alarms| !Arc::ptr_eq(alarms, &self.alarms));
        let mut list = self.alarms.list();
        list.over = true;
        let waiting = list.timers.iter().filter_map(|timer| match timer {
            Timer::Set { waker, .. } => Some(waker.clone()),
            Timer::Free { .. } | Timer::Due => None,
        });
        let waiting: Vec<_> = waiting.collect();
        drop(list);
        waiting.into_iter().for_each(Waker::wake);
    }
}
