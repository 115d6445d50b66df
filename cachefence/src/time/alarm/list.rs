//! The alarms of one runtime, in a list.

use std::mem;
use std::task::Waker;

use tokio::time::Instant;

#[derive(Default)]
pub(super) struct List {
    pub(super) seats: Vec<Seat>,
    /// The first seat that is free.
    free: Option<usize>,
    /// When the task looks again; not after the earliest.
    pub(super) next: Option<Instant>,
    /// The task has ended, as the runtime has.
    pub(super) over: bool,
}

pub(super) enum Seat {
    Free { next: Option<usize> },
    Set { deadline: Instant, waker: Waker },
    Due,
}

impl List {
    pub(super) fn take(&mut self, seat: Seat) -> usize {
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

    pub(super) fn leave(&mut self, number: usize) -> Seat {
        let next = self.free.replace(number);
        mem::replace(&mut self.seats[number], Seat::Free { next })
    }

    pub(super) fn ring(&mut self, now: Instant) -> Vec<Waker> {
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

    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.seats.iter().filter(|seat| !matches!(seat, Seat::Free { .. })).count()
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
