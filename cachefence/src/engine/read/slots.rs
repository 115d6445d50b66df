//! Slots: who reads which key now, and who waits for its next read.
//!
//! A key has a *slot* while somebody reads it. A caller that finds the slot idle starts a read at once:
//! that is a hit with nobody else about, and costs a lookup and no allocation. A caller that finds a
//! read under way may not have the result of that read, since the read may have passed an invalidation
//! which the caller knows of. So the caller joins the *next read*, a [flight](crate::engine::flight)
//! that stands in the slot: its leader waits until the read under way is over, seals the flight, and
//! reads for all its members. When the read under way found the store unavailable, the leader is told
//! so and does not read.
//!
//! A call that waits for the next read takes twice as long as one that reads. That is worth it where a
//! read is large or many callers share it. So a few reads of a small entry may go side by side, and
//! readers of a hot key join the next read even when the slot is idle; see [`hints`](super::hints).
//!
//! Slots are told apart by a hash of the key's name. Two keys of one hash share a slot and its hints,
//! and the second reads by itself rather than joining the next read of the first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use super::hints::{Hint, Hints, ReadResult};
use crate::engine::flight::{Entered, Flight, Home};
use crate::sync::{DefaultHashBuilder, lock};

/// The slots of one cache. `O` is the result of a shared read.
pub(in crate::engine) struct Slots<O> {
    shards: [Mutex<Shard<O>>; SHARDS],
    hasher: DefaultHashBuilder,
}

/// How many shards there are: enough that two threads seldom need the same one.
const SHARDS: usize = 32;

/// The most reads of a small entry at a time.
pub(super) const SIDE_BY_SIDE: u32 = 32;

struct Shard<O> {
    /// The slot of a key that one caller reads and nobody waits for, with the number of the read. It
    /// moves into `slots` when a second caller comes.
    single: Option<(u64, u64)>,
    slots: HashMap<u64, Slot<O>, BuildHasherDefault<Unhashed>>,
    hints: Hints,
    /// The last number that was given to a read or a turn.
    numbers: u64,
}

struct Slot<O> {
    state: ReadState,
    /// How many reads are under way beside the read of `state`: started side by side with it, or
    /// overtaken by it.
    beside: u32,
    /// The next read, while it may be joined.
    next: Option<Arc<NextRead<O>>>,
    /// The leaders of next reads that wait for their turn, by their numbers. There is mostly one, and
    /// none unless a read is under way.
    turns: Vec<(u64, Waker)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadState {
    Idle,
    /// The read of this number is under way.
    Reading(u64),
    /// A read is over, and the slot is kept for a leader that waited for its turn. `unavailable` says
    /// that the read found the store so.
    Reserved {
        unavailable: bool,
    },
}

/// The next read of a key, and the callers that wait for it.
pub(super) type NextRead<O> = Flight<O, (), At<O>>;

/// The slot in which a next read stands.
pub(super) struct At<O> {
    slots: Arc<Slots<O>>,
    pub(super) slot: u64,
    key: Box<str>,
}

impl<O> Slot<O> {
    fn is_over(&self) -> bool {
        self.state == ReadState::Idle && self.beside == 0 && self.next.is_none()
    }
}

impl<O> Slots<O> {
    pub(in crate::engine) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The slot of `key`.
    pub(super) fn of(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The right to read now, unless it is better to join the next read.
    pub(super) fn try_start(&self, slot: u64) -> Option<ReadGuard<'_, O>> {
        let mut shard = self.shard(slot);
        let hint = shard.hints.of(slot);
        if hint == Some(Hint::Hot) {
            return None;
        }
        let read = shard.next_number();
        if shard.single.is_none() && !shard.slots.contains_key(&slot) {
            shard.single = Some((slot, read));
            return Some(ReadGuard { slots: self, slot, read });
        }
        let found = shard.slot(slot);
        match found.state {
            ReadState::Idle => found.state = ReadState::Reading(read),
            ReadState::Reading(_) if hint == Some(Hint::Small) && found.turns.is_empty() => {
                if 1 + found.beside >= SIDE_BY_SIDE {
                    return None;
                }
                found.beside += 1;
            }
            ReadState::Reading(_) | ReadState::Reserved { .. } => return None,
        }
        Some(ReadGuard { slots: self, slot, read })
    }

    /// The right to read now, even if other callers read.
    pub(super) fn force_start(&self, slot: u64) -> ReadGuard<'_, O> {
        let mut shard = self.shard(slot);
        let read = shard.next_number();
        let found = shard.slot(slot);
        found.beside += u32::from(matches!(found.state, ReadState::Reading(_)));
        found.state = ReadState::Reading(read);
        ReadGuard { slots: self, slot, read }
    }

    /// Joins the next read of `key`, or begins it; `None` if the slot's next read is of another key.
    pub(super) fn enter_next(
        self: &Arc<Self>,
        slot: u64,
        key: &str,
    ) -> Option<Entered<O, (), At<O>>> {
        let mut shard = self.shard(slot);
        let found = shard.slot(slot);
        if let Some(next) = &found.next {
            if *next.home.key != *key {
                return None;
            }
            if let Some(member) = next.join(false) {
                return Some(Entered::Joins(member));
            }
        }
        let at = At { slots: Arc::clone(self), slot, key: key.into() };
        let baton = Flight::begin(at, false);
        let sealed = found.next.replace(Arc::clone(&baton.flight));
        drop(shard);
        drop(sealed); // with the lock released
        Some(Entered::Leads(baton))
    }

    /// Waits for the turn of a next read's leader.
    pub(super) fn turn(&self, slot: u64) -> Turn<'_, O> {
        Turn { slots: self, slot, number: None }
    }

    /// Remembers how many callers waited for one read.
    pub(super) fn shared(&self, slot: u64, waiting: usize) {
        self.shard(slot).hints.shared(slot, waiting);
    }

    /// Ends a read: the slot is then kept for the leaders that wait, or idle.
    fn finish(&self, slot: u64, read: u64, result: ReadResult) {
        let mut shard = self.shard(slot);
        if shard.single.take_if(|single| *single == (slot, read)).is_some() {
            return;
        }
        let Shard { slots, hints, .. } = &mut *shard;
        let Entry::Occupied(mut entry) = slots.entry(slot) else { return };
        let found = entry.get_mut();
        if found.beside > 0 || !found.turns.is_empty() {
            hints.learn(slot, result);
        }
        let mut turns = Vec::new();
        if found.state == ReadState::Reading(read) {
            turns = mem::take(&mut found.turns);
            found.state = if turns.is_empty() {
                ReadState::Idle
            } else {
                ReadState::Reserved { unavailable: result == ReadResult::Unavailable }
            };
        } else {
            found.beside = found.beside.saturating_sub(1);
        }
        if found.is_over() {
            entry.remove();
        }
        drop(shard);
        for (_, waker) in turns {
            waker.wake();
        }
    }

    fn shard(&self, slot: u64) -> MutexGuard<'_, Shard<O>> {
        // Not the low bits, by which the map chooses its buckets.
        #[allow(clippy::cast_possible_truncation)] // any bits will do
        let shard = (slot >> 32) as usize % SHARDS;
        lock(&self.shards[shard])
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| {
            let shard = shard.lock().unwrap();
            shard.single.is_none() && shard.slots.is_empty()
        })
    }
}

impl<O> Default for Shard<O> {
    fn default() -> Self {
        let (single, slots, hints, numbers) = (None, HashMap::default(), Hints::default(), 0);
        Self { single, slots, hints, numbers }
    }
}

impl<O> Shard<O> {
    /// The slot in the map, which is made if there is none. If the slot was the `single` one, its read
    /// moves along.
    fn slot(&mut self, slot: u64) -> &mut Slot<O> {
        let found = self.slots.entry(slot).or_insert_with(|| Slot {
            state: ReadState::Idle,
            beside: 0,
            next: None,
            turns: Vec::new(),
        });
        if let Some((_, read)) = self.single.take_if(|(single, _)| *single == slot) {
            found.state = ReadState::Reading(read);
        }
        found
    }

    /// Removes the slot if it is idle and nobody waits for it.
    fn tidy(&mut self, slot: u64) {
        if let Entry::Occupied(entry) = self.slots.entry(slot)
            && entry.get().is_over()
        {
            entry.remove();
        }
    }

    fn next_number(&mut self) -> u64 {
        self.numbers = self.numbers.wrapping_add(1);
        self.numbers
    }
}

impl<O> Home<O, ()> for At<O> {
    fn forget(&self, flight: &Arc<NextRead<O>>) {
        let mut shard = self.slots.shard(self.slot);
        let Some(found) = shard.slots.get_mut(&self.slot) else { return };
        let forgotten = found.next.take_if(|next| Arc::ptr_eq(next, flight));
        shard.tidy(self.slot);
        drop(shard);
        drop(forgotten); // with the lock released
    }
}

/// The right to read. If it is dropped before the read's end, the result of the read is unknown.
pub(super) struct ReadGuard<'a, O> {
    slots: &'a Slots<O>,
    slot: u64,
    read: u64,
}

impl<O> ReadGuard<'_, O> {
    /// Ends the read, and tells the slot its result.
    pub(super) fn finish(self, result: ReadResult) {
        // The read is ended once only, even if a waker panics.
        let this = ManuallyDrop::new(self);
        this.slots.finish(this.slot, this.read, result);
    }
}

impl<O> Drop for ReadGuard<'_, O> {
    fn drop(&mut self) {
        self.slots.finish(self.slot, self.read, ReadResult::Unknown);
    }
}

/// Waits until no read is under way: `None` if the last read found the store unavailable.
#[must_use = "futures do nothing unless polled"]
pub(super) struct Turn<'a, O> {
    slots: &'a Slots<O>,
    slot: u64,
    /// The number under which the leader waits, once it does.
    number: Option<u64>,
}

impl<'a, O> Future for Turn<'a, O> {
    type Output = Option<ReadGuard<'a, O>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { slots, slot, .. } = *self;
        let mut shard = slots.shard(slot);
        let next_number = shard.next_number();
        let found = shard.slot(slot);
        match found.state {
            ReadState::Reading(_) => {
                let number = *self.number.get_or_insert(next_number);
                let waker = cx.waker().clone();
                let waits = found.turns.iter_mut().find(|(of, _)| *of == number);
                let replaced = if let Some((_, old)) = waits {
                    Some(mem::replace(old, waker))
                } else {
                    found.turns.push((number, waker));
                    None
                };
                drop(shard);
                drop(replaced); // with the lock released
                Poll::Pending
            }
            ReadState::Reserved { unavailable: true } => {
                found.state = ReadState::Idle;
                shard.tidy(slot);
                Poll::Ready(None)
            }
            ReadState::Reserved { unavailable: false } | ReadState::Idle => {
                found.state = ReadState::Reading(next_number);
                Poll::Ready(Some(ReadGuard { slots, slot, read: next_number }))
            }
        }
    }
}

impl<O> Drop for Turn<'_, O> {
    /// Gives the turn up: the slot is not kept for this leader, now or when the read under way is over.
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut shard = self.slots.shard(self.slot);
        let Some(found) = shard.slots.get_mut(&self.slot) else { return };
        match found.state {
            ReadState::Reading(_) => {
                let waits = found.turns.iter().position(|(of, _)| *of == number);
                let gone = waits.map(|place| found.turns.swap_remove(place));
                drop(shard);
                drop(gone); // with the lock released
            }
            ReadState::Reserved { .. } => {
                found.state = ReadState::Idle;
                shard.tidy(self.slot);
            }
            ReadState::Idle => {}
        }
    }
}

/// The hasher of a map whose keys are hashes already.
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
