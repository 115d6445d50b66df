//! The wakers of those who wait for one flight. A member keeps its number until it leaves.

use std::task::Waker;

#[derive(Default)]
pub(crate) struct Wakers {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Wakers {
    /// A place for one more member.
    pub(crate) fn enter(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            if self.places.len() == self.places.capacity() {
                // Growing by an eighth, not twofold: with a crowd, spare room is a good part of what
                // a waiting caller costs.
                self.places.reserve_exact(self.places.len() / 8 + 4);
            }
            self.places.push(None);
            self.places.len() - 1
        })
    }

    /// Gives a place back, with its waker, which is to be dropped with no lock held.
    pub(crate) fn leave(&mut self, place: usize) -> Option<Waker> {
        self.free.push(place);
        self.places[place].take()
    }

    /// How many members there are.
    pub(crate) fn members(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Remembers whom to wake, and gives the waker that it forgets, which is to be dropped with no
    /// lock held.
    pub(crate) fn wait(&mut self, place: usize, waker: &Waker) -> Option<Waker> {
        match &self.places[place] {
            Some(current) if current.will_wake(waker) => None,
            _ => self.places[place].replace(waker.clone()),
        }
    }

    /// Everybody's, to be woken with no lock held.
    pub(crate) fn take_all(&mut self) -> Vec<Waker> {
        self.places.iter_mut().filter_map(Option::take).collect()
    }

    /// How many members there have been at one time.
    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }
}
