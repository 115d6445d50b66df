//! One read of a key at a time, so that those who come meanwhile can share the next; several, where reads
//! are cheap.
//!
//! Whoever finds the way free takes off at once: that is a hit with nobody else about, and costs a
//! lookup and no allocation. Whoever does not waits for it to be clear, and is told if the read before
//! found the store in trouble.
//!
//! Who waits for the next read waits twice as long as who reads. That is worth it where a read is dear
//! or many share it: of a key whose reads are cheap, some may be aloft side by side, and readers of one
//! that is crowded wait for company even when the way is free.
//!
//! Keys are told apart by a hash of their names: two that share one share the way and what is remembered
//! of it, and each reads for itself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::habits::{Cost, Habit, Habits};
use crate::sync::DefaultHashBuilder;

pub(super) struct Runway {
    strips: [Mutex<Strip>; STRIPS],
    hasher: DefaultHashBuilder,
}

/// Enough that two threads seldom meet on one.
const STRIPS: usize = 32;

/// The most reads of a cheap key at a time.
pub(super) const SIDE_BY_SIDE: u32 = 32;

#[derive(Default)]
struct Strip {
    /// A key that one reads by itself, and the number of its flight: it is in the map when there is more to
    /// be said of it.
    lone: Option<(u64, u64)>,
    uses: HashMap<u64, Use, BuildHasherDefault<Unhashed>>,
    habits: Habits,
    numbers: u64,
}

#[derive(Default)]
struct Use {
    way: Way,
    /// How many are aloft beside the one that is waited for, or were left behind by it.
    beside: u32,
    /// Those who wait for it, by their numbers; nobody, unless it is aloft.
    waiting: Vec<(u64, Waker)>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Way {
    #[default]
    Free,
    /// The flight of this number has it.
    Aloft(u64),
    /// It is kept for those who have waited, by one that perhaps found the store `in_trouble`.
    Kept { in_trouble: bool },
}

impl Use {
    fn is_over(&self) -> bool {
        self.way == Way::Free && self.beside == 0
    }
}

impl Runway {
    pub(super) fn new() -> Self {
        Self {
            strips: std::array::from_fn(|_| Mutex::default()),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// What a key is called here.
    pub(super) fn of(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The right to read now, unless it is better to wait for the next read.
    pub(super) fn take_off(&self, of: u64) -> Option<Aloft<'_>> {
        let mut strip = self.strip(of);
        let habit = strip.habits.of(of);
        if habit == Some(Habit::Crowded) {
            return None;
        }
        let flight = strip.next_number();
        if strip.lone.is_none() && !strip.uses.contains_key(&of) {
            strip.lone = Some((of, flight));
            return Some(Aloft { way: self, of, flight });
        }
        let held = strip.held(of);
        match held.way {
            Way::Free => held.way = Way::Aloft(flight),
            Way::Aloft(_) if habit == Some(Habit::Cheap) && held.waiting.is_empty() => {
                if 1 + held.beside >= SIDE_BY_SIDE {
                    return None;
                }
                held.beside += 1;
            }
            Way::Aloft(_) | Way::Kept { .. } => return None,
        }
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
        let held = strip.held(of);
        held.beside += u32::from(matches!(held.way, Way::Aloft(_)));
        held.way = Way::Aloft(flight);
        Aloft { way: self, of, flight }
    }

    /// Gives the right of `flight` back.
    fn land(&self, of: u64, flight: u64, cost: Cost) {
        let mut strip = self.strip(of);
        if strip.lone.take_if(|lone| *lone == (of, flight)).is_some() {
            return;
        }
        let Strip { uses, habits, .. } = &mut *strip;
        let Entry::Occupied(mut entry) = uses.entry(of) else { return };
        let held = entry.get_mut();
        if held.beside > 0 || !held.waiting.is_empty() {
            habits.learn(of, cost);
        }
        let mut waiting = Vec::new();
        if held.way == Way::Aloft(flight) {
            waiting = mem::take(&mut held.waiting);
            held.way = if waiting.is_empty() {
                Way::Free
            } else {
                Way::Kept { in_trouble: cost == Cost::Trouble }
            };
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
        self.strips[strip].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.strips.iter().all(|strip| {
            let strip = strip.lock().unwrap();
            strip.lone.is_none() && strip.uses.is_empty()
        })
    }
}

fn wake(waiting: Vec<(u64, Waker)>) {
    for (_, waker) in waiting {
        waker.wake();
    }
}

impl Strip {
    /// The use of a key of which there is more to be said than that one reads it.
    fn held(&mut self, of: u64) -> &mut Use {
        let held = self.uses.entry(of).or_default();
        if let Some((_, flight)) = self.lone.take_if(|(lone, _)| *lone == of) {
            held.way = Way::Aloft(flight);
        }
        held
    }

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
    /// Gives it back, and tells the next what the read has found.
    pub(super) fn land(self, cost: Cost) {
        // Once, also if a waker panics.
        let this = ManuallyDrop::new(self);
        this.way.land(this.of, this.flight, cost);
    }
}

impl Drop for Aloft<'_> {
    fn drop(&mut self) {
        self.way.land(self.of, self.flight, Cost::Unknown);
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
        let held = strip.held(of);
        match held.way {
            Way::Aloft(_) => {
                let number = *self.number.get_or_insert(flight);
                let waker = cx.waker().clone();
                let waits = held.waiting.iter_mut().find(|(of, _)| *of == number);
                let replaced = if let Some((_, old)) = waits {
                    Some(mem::replace(old, waker))
                } else {
                    held.waiting.push((number, waker));
                    None
                };
                drop(strip);
                drop(replaced); // with the lock released
                Poll::Pending
            }
            Way::Kept { in_trouble: true } => {
                give_up(strip, of);
                Poll::Ready(None)
            }
            Way::Kept { in_trouble: false } | Way::Free => {
                held.way = Way::Aloft(flight);
                Poll::Ready(Some(Aloft { way, of, flight }))
            }
        }
    }
}

impl Drop for Clear<'_> {
    /// The way is not kept for it, now or when it is clear.
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut strip = self.way.strip(self.of);
        let Some(held) = strip.uses.get_mut(&self.of) else { return };
        match held.way {
            Way::Aloft(_) => {
                let waits = held.waiting.iter().position(|(of, _)| *of == number);
                let gone = waits.map(|place| held.waiting.swap_remove(place));
                drop(strip);
                drop(gone); // with the lock released
            }
            Way::Kept { .. } => give_up(strip, self.of),
            Way::Free => {}
        }
    }
}

/// Keeps the way no longer.
fn give_up(mut strip: MutexGuard<'_, Strip>, of: u64) {
    let Entry::Occupied(mut entry) = strip.uses.entry(of) else { return };
    let held = entry.get_mut();
    held.way = Way::Free;
    if held.is_over() {
        entry.remove();
    }
}

/// What a key is called is a hash already.
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
