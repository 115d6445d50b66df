//! One read of a key at a time, so that those who come meanwhile can share the next.
//!
//! Whoever finds the way free takes off at once: that is a hit with nobody else about, and costs a
//! lookup and no allocation. Whoever does not waits for it to be clear, and is told if the read before
//! found the store in trouble. Keys are told apart by their fingerprints only: two that share one read in turns.
//!
//! Who waits for the next read waits twice as long as who reads. That is worth it where a read is dear
//! or many share it: of a key whose reads are cheap, a few may be aloft side by side, and readers of one
//! that is crowded wait for company even when the way is free.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::habits::{Cost, Habit, Habits};

pub(super) struct Runway([Mutex<Strip>; STRIPS]);

/// Enough that two threads seldom meet on one.
const STRIPS: usize = 32;

/// The most reads of a cheap key at a time.
const SIDE_BY_SIDE: u32 = 8;

#[derive(Default)]
struct Strip {
    uses: HashMap<u64, Use, BuildHasherDefault<Unhashed>>,
    habits: Habits,
    numbers: u64,
}

#[derive(Default)]
struct Use {
    /// The flight that the next one waits for.
    flight: Option<u64>,
    /// How many are aloft besides.
    beside: u32,
    /// Whether the way is kept for those who have waited.
    kept: bool,
    /// Whether it is kept by one that found the store in trouble.
    failed: bool,
    /// By the numbers of those who wait.
    waiting: Vec<(u64, Waker)>,
}

impl Use {
    fn is_over(&self) -> bool {
        self.flight.is_none() && self.beside == 0 && !self.kept
    }

    fn begin(&mut self, flight: u64) {
        (self.flight, self.kept, self.failed) = (Some(flight), false, false);
    }
}

impl Runway {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    /// The right to read now, unless it is better to wait for the next read.
    pub(super) fn take_off(&self, of: u64) -> Option<Aloft<'_>> {
        let mut strip = self.strip(of);
        let habit = strip.habits.of(of);
        if habit == Some(Habit::Crowded) {
            return None;
        }
        let flight = strip.next_number();
        let held = strip.uses.entry(of).or_default();
        if held.flight.is_none() && !held.kept {
            held.begin(flight);
            return Some(Aloft { way: self, of, flight });
        }
        let is_free = habit == Some(Habit::Cheap) && held.waiting.is_empty() && !held.kept;
        if !is_free || 1 + held.beside >= SIDE_BY_SIDE {
            return None;
        }
        held.beside += 1;
        Some(Aloft { way: self, of, flight })
    }

    /// Waits for the right to read.
    pub(super) fn clear(&self, of: u64) -> Clear<'_> {
        Clear { way: self, of, number: None }
    }

    /// Remembers how many wait for one read.
    pub(super) fn note(&self, of: u64, waiting: usize) {
        self.strip(of).habits.note(of, waiting);
    }

    /// The right to read now, whoever does.
    pub(super) fn overtake(&self, of: u64) -> Aloft<'_> {
        let mut strip = self.strip(of);
        let flight = strip.next_number();
        let held = strip.uses.entry(of).or_default();
        held.beside += u32::from(held.flight.is_some());
        held.begin(flight);
        Aloft { way: self, of, flight }
    }

    /// Gives the right of `flight` back; `cost` is `None` if it found the store in trouble.
    fn land(&self, of: u64, flight: u64, cost: Option<Cost>) {
        let mut strip = self.strip(of);
        let Strip { uses, habits, .. } = &mut *strip;
        let Entry::Occupied(mut entry) = uses.entry(of) else { return };
        let held = entry.get_mut();
        if held.beside > 0 || held.kept || !held.waiting.is_empty() {
            habits.learn(of, cost);
        }
        let mut waiting = Vec::new();
        if held.flight == Some(flight) {
            waiting = mem::take(&mut held.waiting);
            (held.flight, held.kept) = (None, !waiting.is_empty());
            held.failed = held.kept && cost.is_none();
        } else {
            held.beside = held.beside.saturating_sub(1);
        }
        if held.is_over() {
            entry.remove();
        }
        drop(strip);
        wake(waiting);
    }

    fn strip(&self, of: u64) -> MutexGuard<'_, Strip> {
        // Not the bits by which the map tells its buckets.
        #[allow(clippy::cast_possible_truncation)] // any bits will do
        let strip = (of >> 32) as usize % STRIPS;
        // Nothing that panics runs under this lock.
        self.0[strip].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|strip| strip.lock().unwrap().uses.is_empty())
    }
}

fn wake(waiting: Vec<(u64, Waker)>) {
    for (_, waker) in waiting {
        waker.wake();
    }
}

impl Strip {
    fn next_number(&mut self) -> u64 {
        self.numbers = self.numbers.wrapping_add(1);
        self.numbers
    }
}

/// The right to read. Dropped, it is given back, and says nothing of the store.
pub(super) struct Aloft<'a> {
    way: &'a Runway,
    of: u64,
    flight: u64,
}

impl Aloft<'_> {
    /// Gives it back, and tells the next what it found: `None` for a store in trouble.
    pub(super) fn land(self, cost: Option<Cost>) {
        self.way.land(self.of, self.flight, cost);
        mem::forget(self);
    }
}

impl Drop for Aloft<'_> {
    fn drop(&mut self) {
        self.way.land(self.of, self.flight, Some(Cost::Unknown));
    }
}

/// Waits for the way to be clear: `None` if the read before found the store in trouble.
#[must_use = "futures do nothing unless polled"]
pub(super) struct Clear<'a> {
    way: &'a Runway,
    of: u64,
    /// Under which it waits, once it does.
    number: Option<u64>,
}

impl<'a> Future for Clear<'a> {
    type Output = Option<Aloft<'a>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { way, of, .. } = *self;
        let mut strip = way.strip(of);
        let flight = strip.next_number();
        let held = strip.uses.entry(of).or_default();
        if held.flight.is_some() {
            let number = *self.number.get_or_insert(flight);
            held.waiting.retain(|(of, _)| *of != number);
            held.waiting.push((number, cx.waker().clone()));
            return Poll::Pending;
        }
        if held.failed {
            let others = give_up(strip, of);
            wake(others);
            return Poll::Ready(None);
        }
        held.begin(flight);
        Poll::Ready(Some(Aloft { way, of, flight }))
    }
}

impl Drop for Clear<'_> {
    /// The way is not kept for it, now or when it is clear.
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut strip = self.way.strip(self.of);
        let Some(held) = strip.uses.get_mut(&self.of) else { return };
        if held.flight.is_none() {
            wake(give_up(strip, self.of));
            return;
        }
        let waiting = mem::take(&mut held.waiting);
        let (gone, others) = waiting.into_iter().partition(|(of, _)| *of == number);
        held.waiting = others;
        drop(strip);
        drop::<Vec<_>>(gone); // with the lock released
    }
}

/// Keeps the way no longer; those who wait for it are to be woken with the lock released.
fn give_up(mut strip: MutexGuard<'_, Strip>, of: u64) -> Vec<(u64, Waker)> {
    let Entry::Occupied(mut entry) = strip.uses.entry(of) else { return Vec::new() };
    let held = entry.get_mut();
    (held.kept, held.failed) = (false, false);
    let waiting = mem::take(&mut held.waiting);
    if held.is_over() {
        entry.remove();
    }
    waiting
}

/// A fingerprint is a hash already.
#[derive(Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
