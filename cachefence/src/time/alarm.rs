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

use std::cell::Cell;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Handle, Id};
use tokio::sync::Notify;
use tokio::time::Instant;

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

#[derive(Default)]
struct List {
    seats: Vec<Seat>,
    /// The first seat that is free.
    free: Option<usize>,
    taken: usize,
    /// When the task looks again; not after the earliest.
    next: Option<Instant>,
    /// The task has ended, as the runtime has.
    over: bool,
}

enum Seat {
    Free { next: Option<usize> },
    Set { deadline: Instant, waker: Waker },
    Due,
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

impl List {
    fn take(&mut self, seat: Seat) -> usize {
        self.taken += 1;
        let Some(number) = self.free else {
            if self.seats.len() == self.seats.capacity() {
                // Not twice as many, which would be a good part of what a crowd takes.
                self.seats.reserve_exact(self.seats.len() / 8 + 16);
            }
            self.seats.push(seat);
            return self.seats.len() - 1;
        };
        let free = mem::replace(&mut self.seats[number], seat);
        self.free = if let Seat::Free { next } = free { next } else { None };
        number
    }

    fn leave(&mut self, number: usize) -> Seat {
        self.taken -= 1;
        let next = self.free.replace(number);
        mem::replace(&mut self.seats[number], Seat::Free { next })
    }

    fn ring(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        self.next = None;
        for seat in &mut self.seats {
            match seat {
                Seat::Set { deadline, .. } if *deadline <= now => {
                    if let Seat::Set { waker, .. } = mem::replace(seat, Seat::Due) {
                        due.push(waker);
                    }
                }
                Seat::Set { deadline, .. } => {
                    self.next = Some(self.next.map_or(*deadline, |next| next.min(*deadline)));
                }
                Seat::Free { .. } | Seat::Due => {}
            }
        }
        self.tidy();
        due
    }

    /// Gives back what a crowd has left, and has the first seats be taken first.
    fn tidy(&mut self) {
        while matches!(self.seats.last(), Some(Seat::Free { .. })) {
            self.seats.pop();
        }
        if self.seats.len() < self.seats.capacity() / 4 {
            self.seats.shrink_to(self.seats.len() * 2);
        }
        self.free = None;
        for (number, seat) in self.seats.iter_mut().enumerate().rev() {
            if let Seat::Free { next } = seat {
                *next = self.free.replace(number);
            }
        }
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::time::{advance, timeout};

    use super::*;

    fn after(millis: u64) -> Alarm {
        Alarm::at(Some(Instant::now() + Duration::from_millis(millis)))
    }

    fn taken() -> usize {
        Alarms::of(&Handle::current()).list().taken
    }

    #[tokio::test(start_paused = true)]
    async fn each_rings_at_its_time() {
        let begun = Instant::now();
        let tasks = [300, 100, 200, 100].map(|millis| {
            tokio::spawn(async move {
                after(millis).await;
                assert_eq!(begun.elapsed().as_millis(), u128::from(millis));
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_earlier_than_all_is_not_late() {
        let late = tokio::spawn(after(1_000));
        advance(Duration::from_millis(10)).await;
        let begun = Instant::now();
        after(20).await;
        assert_eq!(begun.elapsed().as_millis(), 20);
        late.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_taken_back_does_not_ring() {
        let begun = Instant::now();
        let limit = Duration::from_millis(5);
        assert!(timeout(limit, after(1_000)).await.is_err());
        assert_eq!((taken(), begun.elapsed()), (0, limit));
    }

    #[test]
    fn polled_on_another_runtime_after_its_own_has_ended_it_rings_there() {
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut alarm = after(50);
        let first = runtime();
        first.block_on(async {
            assert!(timeout(Duration::from_millis(1), &mut alarm).await.is_err());
        });
        drop(first);
        runtime().block_on(async { timeout(Duration::from_secs(60), alarm).await.unwrap() });
    }

    #[test]
    fn on_a_runtime_that_has_ended_it_rings() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        handle.block_on(after(20));
    }

    #[test]
    fn on_a_runtime_without_timers_it_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut alarm = pin!(after(1));
            let mut polled = 0;
            poll_fn(|cx| {
                polled += 1;
                assert!(alarm.as_mut().poll(cx).is_pending());
                cx.waker().wake_by_ref();
                if polled < 100 { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
        });
    }

    #[test]
    fn what_a_crowd_has_left_is_given_back() {
        let mut list = List::default();
        let now = Instant::now();
        let set = || Seat::Set { deadline: now, waker: Waker::noop().clone() };
        let crowd: Vec<_> = (0..1_000).map(|_| list.take(set())).collect();
        let (few, most) = crowd.split_at(3);
        for number in most.iter().chain(&few[..1]) {
            list.leave(*number);
        }
        assert_eq!(list.ring(now - Duration::from_secs(1)).len(), 0);
        assert_eq!((list.seats.len(), list.taken), (3, 2));
        assert!(list.seats.capacity() < 10, "{}", list.seats.capacity());
        assert_eq!([list.take(set()), list.take(set())], [0, 3], "the first that is free");
        assert_eq!((list.ring(now).len(), list.next), (4, None));
    }

    #[test]
    fn outside_a_runtime_it_waits() {
        let mut alarm = pin!(Alarm::at(Some(Instant::now())));
        assert!(alarm.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
}
