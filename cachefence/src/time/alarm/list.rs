//! The alarms of one runtime, in a list.

use std::mem;
use std::task::Waker;

use tokio::time::Instant;

#[derive(Default)]
pub(super) struct List {
    pub(super) timers: Vec<Timer>,
    /// The first free timer. Free timers are a linked list.
    free: Option<usize>,
    /// When the task wakes next: at the earliest deadline, or before it.
    pub(super) next: Option<Instant>,
    /// Whether the runtime has ended, and the task with it.
    pub(super) over: bool,
}

pub(super) enum Timer {
    Free { next: Option<usize> },
    Set { deadline: Instant, waker: Waker },
    Due,
}

impl List {
    pub(super) fn insert(&mut self, timer: Timer) -> usize {
        let Some(number) = self.free else {
            if self.timers.len() == self.timers.capacity() {
                // Grows by an eighth: doubling would be much of the memory that many waiting callers take.
                self.timers.reserve_exact(self.timers.len() / 8 + 16);
            }
            self.timers.push(timer);
            return self.timers.len() - 1;
        };
        let free = mem::replace(&mut self.timers[number], timer);
        self.free = if let Timer::Free { next } = free { next } else { None };
        number
    }

    pub(super) fn remove(&mut self, number: usize) -> Timer {
        let next = self.free.replace(number);
        mem::replace(&mut self.timers[number], Timer::Free { next })
    }

    pub(super) fn ring(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        self.next = None;
        for timer in &mut self.timers {
            match timer {
                Timer::Set { deadline, .. } if *deadline <= now => {
                    if let Timer::Set { waker, .. } = mem::replace(timer, Timer::Due) {
                        due.push(waker);
                    }
                }
                Timer::Set { deadline, .. } => {
                    self.next = Some(self.next.map_or(*deadline, |next| next.min(*deadline)));
                }
                Timer::Free { .. } | Timer::Due => {}
            }
        }
        self.tidy();
        due
    }

    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        self.timers.iter().filter(|timer| !matches!(timer, Timer::Free { .. })).count()
    }

    /// Frees the memory of timers that are no longer needed, and puts the free timers in order, so that the first
    /// are taken first and the list can shrink from its end.
    fn tidy(&mut self) {
        while matches!(self.timers.last(), Some(Timer::Free { .. })) {
            self.timers.pop();
        }
        if self.timers.len() < self.timers.capacity() / 4 {
            self.timers.shrink_to(self.timers.len() * 2);
        }
        self.free = None;
        for (number, timer) in self.timers.iter_mut().enumerate().rev() {
            if let Timer::Free { next } = timer {
                *next = self.free.replace(number);
            }
        }
    }
}
