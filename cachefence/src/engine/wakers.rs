//! The wakers of the members that wait for one flight.
//!
//! Each member has a place, whose number it keeps until it leaves; a free place goes to the next
//! member. No waker is called or dropped here, because wakers are code from outside: they are handed
//! back, so that the flight calls and drops them with no lock held.

use std::task::Waker;

/// The places of the members of one flight, with their wakers.
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
                // The list grows by an eighth, not twofold: in a crowd, spare room is a good part of
                // what a waiting caller costs.
                self.places.reserve_exact(self.places.len() / 8 + 4);
            }
            self.places.push(None);
            self.places.len() - 1
        })
    }

    /// Frees a place and returns its waker, which is to be dropped with no lock held.
    pub(crate) fn leave(&mut self, place: usize) -> Option<Waker> {
        self.free.push(place);
        self.places[place].take()
    }

    /// How many members there are.
    pub(crate) fn members(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Keeps `waker` for the member at `place`, and returns the one that it replaces, which is to be
    /// dropped with no lock held.
    pub(crate) fn wait(&mut self, place: usize, waker: &Waker) -> Option<Waker> {
        match &self.places[place] {
            Some(current) if current.will_wake(waker) => None,
            _ => self.places[place].replace(waker.clone()),
        }
    }

    /// Takes all wakers, to be called with no lock held.
    pub(crate) fn take_all(&mut self) -> Vec<Waker> {
        self.places.iter_mut().filter_map(Option::take).collect()
    }

    /// How many members there have been at one time.
    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_for_a_crowd_grows_seldom_and_by_an_eighth() {
        let mut wakers = Wakers::default();
        let mut rooms = Vec::new();
        for members in 1..=1_000 {
            wakers.enter();
            let room = wakers.places.capacity();
            assert!(room <= members + members / 8 + 4, "{room} for {members}");
            rooms.push(room);
        }
        rooms.dedup();
        assert!(rooms.len() < 50, "{} times", rooms.len());
    }
}
