//! The alarms of one runtime, in a list.

use std::mem;
use std::task::Waker;

use tokio::time::Instant;

#[derive(Default)]
pub(super) struct List {
    pub(super) seats: Vec<Seat>,
    /// The first free seat. Free seats are a linked list.
    free: Option<usize>,
    /// When the task wakes next: at the earliest deadline, or before it.
    pub(super) next: Option<Instant>,
    /// Whether the runtime has ended, and the task with it.
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
                // Grows by an eighth: doubling would be much of the memory that many waiting callers take.
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

    /// Frees the memory of seats that are no longer needed, and puts the free seats in order, so that the first
    /// are taken first and the list can shrink from its end.
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
