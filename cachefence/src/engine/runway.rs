//! One read of a key at a time, so that those who come meanwhile can share the next.
//!
//! Whoever finds the way free takes off at once: that is a hit with nobody else about, and costs a
//! lookup and no allocation. Whoever does not waits for it to be clear, and is told if the read before
//! found the store in trouble. Keys are told apart by their fingerprints only: two that share one read in turns.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

pub(super) struct Runway([Mutex<Strip>; STRIPS]);

/// Enough that two threads seldom meet on one.
const STRIPS: usize = 32;

#[derive(Default)]
struct Strip {
    uses: HashMap<u64, Use, BuildHasherDefault<Unhashed>>,
    numbers: u64,
    /// The last key whose read was shared: whoever comes for it does well to wait for company.
    shared: Option<u64>,
}

#[derive(Default)]
struct Use {
    /// The flight that is aloft; without one, the way is kept for those who wait.
    flight: Option<u64>,
    /// Whether the last one found the store in trouble.
    failed: bool,
    /// By the numbers of those who wait.
    waiting: Vec<(u64, Waker)>,
}

impl Runway {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    /// The right to read now, unless somebody reads or waits to, or the last read was shared.
    pub(super) fn take_off(&self, of: u64) -> Option<Aloft<'_>> {
        let mut strip = self.strip(of);
        if strip.shared == Some(of) {
            return None;
        }
        let flight = strip.next_number();
        match strip.uses.entry(of) {
            Entry::Occupied(_) => None,
            Entry::Vacant(vacant) => {
                vacant.insert(Use { flight: Some(flight), ..Use::default() });
                Some(Aloft { way: self, of, flight })
            }
        }
    }

    /// Waits for the right to read.
    pub(super) fn clear(&self, of: u64) -> Clear<'_> {
        Clear { way: self, of, number: None }
    }

    /// Remembers whether a read is `shared`.
    pub(super) fn note(&self, of: u64, shared: bool) {
        let mut strip = self.strip(of);
        if shared {
            strip.shared = Some(of);
        } else if strip.shared == Some(of) {
            strip.shared = None;
        }
    }

    /// The right to read now, whoever does.
    pub(super) fn overtake(&self, of: u64) -> Aloft<'_> {
        let mut strip = self.strip(of);
        let flight = strip.next_number();
        strip.uses.entry(of).or_default().flight = Some(flight);
        Aloft { way: self, of, flight }
    }

    fn land(&self, of: u64, flight: u64, failed: bool) {
        let mut strip = self.strip(of);
        let Entry::Occupied(mut entry) = strip.uses.entry(of) else { return };
        // One that was overtaken has nothing to give back.
        if entry.get().flight != Some(flight) {
            return;
        }
        if entry.get().waiting.is_empty() {
            entry.remove();
            return;
        }
        let waiting = {
            let next = entry.get_mut();
            (next.flight, next.failed) = (None, failed);
            mem::take(&mut next.waiting)
        };
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
    /// Gives it back, and tells the next whether the store `failed`.
    pub(super) fn land(self, failed: bool) {
        self.way.land(self.of, self.flight, failed);
    }
}

impl Drop for Aloft<'_> {
    fn drop(&mut self) {
        // After `land` there is nothing of this flight.
        self.way.land(self.of, self.flight, false);
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
        let mut entry = match strip.uses.entry(of) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(vacant) => {
                vacant.insert(Use { flight: Some(flight), ..Use::default() });
                return Poll::Ready(Some(Aloft { way, of, flight }));
            }
        };
        let held = entry.get_mut();
        if held.flight.is_some() {
            let number = *self.number.get_or_insert(flight);
            held.waiting.retain(|(of, _)| *of != number);
            held.waiting.push((number, cx.waker().clone()));
            return Poll::Pending;
        }
        if held.failed {
            let others = entry.remove();
            drop(strip);
            wake(others.waiting);
            return Poll::Ready(None);
        }
        held.flight = Some(flight);
        Poll::Ready(Some(Aloft { way, of, flight }))
    }
}

impl Drop for Clear<'_> {
    /// The way is not kept for it, now or when it is clear.
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut strip = self.way.strip(self.of);
        let Entry::Occupied(mut entry) = strip.uses.entry(self.of) else { return };
        if entry.get().flight.is_some() {
            let waiting = mem::take(&mut entry.get_mut().waiting);
            let (gone, others) = waiting.into_iter().partition(|(of, _)| *of == number);
            entry.get_mut().waiting = others;
            drop(strip);
            drop::<Vec<_>>(gone); // with the lock released
        } else {
            let kept = entry.remove();
            drop(strip);
            wake(kept.waiting);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a future comes to when it is polled once.
    fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn is_empty(way: &Runway) -> bool {
        way.0.iter().all(|strip| strip.lock().unwrap().uses.is_empty())
    }

    #[test]
    fn one_is_aloft_at_a_time() {
        let way = Runway::new();
        let first = way.take_off(1).unwrap();
        assert!(way.take_off(1).is_none());
        assert!(way.take_off(2).is_some(), "another key");
        first.land(false);
        assert!(way.take_off(1).is_some());
        assert!(is_empty(&way));
    }

    #[test]
    fn the_way_is_kept_for_who_waits() {
        let way = Runway::new();
        let first = way.take_off(1).unwrap();
        let mut next = way.clear(1);
        assert!(poll(&mut next).is_none());
        drop(first);
        assert!(way.take_off(1).is_none(), "nobody goes before it");
        let aloft = poll(&mut next).unwrap().expect("the first one was not in trouble");
        drop(next);
        assert!(way.take_off(1).is_none());
        drop(aloft);
        assert!(is_empty(&way));
    }

    #[test]
    fn who_waits_is_told_of_trouble() {
        let way = Runway::new();
        let first = way.take_off(1).unwrap();
        let mut next = way.clear(1);
        assert!(poll(&mut next).is_none());
        first.land(true);
        assert!(poll(&mut next).unwrap().is_none());
        drop(next);
        assert!(is_empty(&way));
    }

    #[test]
    fn who_leaves_before_the_way_is_clear_is_not_waited_for() {
        let way = Runway::new();
        let first = way.take_off(1).unwrap();
        let mut next = way.clear(1);
        assert!(poll(&mut next).is_none());
        drop(next);
        first.land(true);
        assert!(is_empty(&way), "nobody has to hear of it");
    }

    #[test]
    fn who_overtakes_does_not_wait_any_more() {
        let way = Runway::new();
        let stuck = way.take_off(1).unwrap();
        let mut next = way.clear(1);
        assert!(poll(&mut next).is_none());
        let second = way.overtake(1);
        drop(next);
        second.land(false);
        assert!(is_empty(&way), "the way is kept for nobody");
        drop(stuck);
    }

    #[test]
    fn who_no_longer_waits_keeps_nobody() {
        let way = Runway::new();
        let first = way.take_off(1).unwrap();
        let mut next = way.clear(1);
        assert!(poll(&mut next).is_none());
        first.land(false);
        drop(next);
        assert!(way.take_off(1).is_some());
        assert!(is_empty(&way));
    }

    #[test]
    fn whoever_comes_after_a_shared_read_waits_for_company() {
        let way = Runway::new();
        way.note(1, true);
        assert!(way.take_off(1).is_none());
        let aloft = poll(&mut way.clear(1)).unwrap().expect("the way is clear");
        assert!(way.take_off(2).is_some(), "another key");
        aloft.land(false);
        way.note(1, false);
        assert!(way.take_off(1).is_some(), "nobody shared that one");
    }

    #[test]
    fn who_was_overtaken_gives_nothing_back() {
        let way = Runway::new();
        let stuck = way.take_off(1).unwrap();
        let second = way.overtake(1);
        drop(stuck);
        assert!(way.take_off(1).is_none(), "the second is still aloft");
        drop(second);
        assert!(is_empty(&way));
    }

    #[test]
    fn two_keys_of_one_fingerprint_read_in_turns() {
        let way = Runway::new();
        let first = way.take_off(1).unwrap();
        let (mut a, mut b) = (way.clear(1), way.clear(1));
        assert!(poll(&mut a).is_none() && poll(&mut b).is_none());
        drop(first);
        let of_a = poll(&mut a).unwrap();
        assert!(poll(&mut b).is_none());
        drop(of_a);
        assert!(poll(&mut b).unwrap().is_some());
    }
}
