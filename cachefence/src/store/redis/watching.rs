//! The connection of those who wait to be woken: made when somebody first has to, by one for all.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::aio::MultiplexedConnection;

use super::watches::Watches;

/// A connection on which the server tells what has changed.
///
/// When it is let go, whoever trusted in it looks by itself again.
#[derive(Debug)]
pub(super) struct Watching<C = MultiplexedConnection> {
    number: u64,
    connection: C,
    watches: Arc<Watches>,
}

impl<C: Clone> Watching<C> {
    pub(super) fn connection(&self) -> C {
        self.connection.clone()
    }
}

impl<C> Drop for Watching<C> {
    fn drop(&mut self) {
        self.watches.disarm();
    }
}

/// Where a runtime keeps its one.
#[derive(Debug)]
pub(super) struct Seat<C = MultiplexedConnection>(Mutex<State<C>>);

#[derive(Debug)]
struct State<C> {
    place: Place<C>,
    /// How many connections there have been.
    made: u64,
}

#[derive(Debug)]
enum Place<C> {
    Empty,
    Connecting,
    Taken(Arc<Watching<C>>),
}

/// What somebody finds who wants to be woken.
pub(super) enum Claim<C = MultiplexedConnection> {
    Here(Arc<Watching<C>>),
    /// Somebody is making it; not worth waiting for, since looking again and again does as well.
    Connecting,
    /// The caller has to make it.
    Yours(Maker<C>),
}

/// The right to make the connection. Dropped without one, it passes to whoever asks next.
#[derive(Debug)]
pub(super) struct Maker<C = MultiplexedConnection> {
    seat: Arc<Seat<C>>,
    number: u64,
}

impl<C> Seat<C> {
    pub(super) fn claim(self: &Arc<Self>) -> Claim<C> {
        let mut state = self.state();
        match &state.place {
            Place::Taken(watching) => Claim::Here(Arc::clone(watching)),
            Place::Connecting => Claim::Connecting,
            Place::Empty => {
                state.place = Place::Connecting;
                state.made += 1;
                Claim::Yours(Maker { seat: Arc::clone(self), number: state.made })
            }
        }
    }

    /// Whether there is one.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.state().place, Place::Taken(_))
    }

    /// Lets the connection go, if it is still the one of that number.
    pub(super) fn leave(&self, number: u64) {
        let mut state = self.state();
        if matches!(&state.place, Place::Taken(watching) if watching.number == number) {
            let gone = mem::replace(&mut state.place, Place::Empty);
            drop(state);
            drop(gone); // with the lock released
        }
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Default for Seat<C> {
    fn default() -> Self {
        Self(Mutex::new(State { place: Place::Empty, made: 0 }))
    }
}

impl<C> Watching<C> {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl<C> Maker<C> {
    pub(super) fn seat(&self) -> &Arc<Seat<C>> {
        &self.seat
    }

    /// The number of the connection that is being made.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Puts `connection` there, whose pushes `watches` takes in.
    pub(super) fn made(self, connection: C, watches: Arc<Watches>) -> Arc<Watching<C>> {
        let watching = Arc::new(Watching { number: self.number, connection, watches });
        self.seat.state().place = Place::Taken(Arc::clone(&watching));
        watching
    }
}

impl<C> Drop for Maker<C> {
    fn drop(&mut self) {
        let mut state = self.seat.state();
        if matches!(state.place, Place::Connecting) {
            state.place = Place::Empty;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::store::Watch;

    fn maker(seat: &Arc<Seat<()>>) -> Maker<()> {
        match seat.claim() {
            Claim::Yours(maker) => maker,
            Claim::Here(_) | Claim::Connecting => panic!("the seat is empty"),
        }
    }

    fn number(seat: &Arc<Seat<()>>) -> Option<u64> {
        match seat.claim() {
            Claim::Here(watching) => Some(watching.number()),
            Claim::Connecting | Claim::Yours(_) => None,
        }
    }

    #[test]
    fn one_connects_and_the_others_do_not_wait() {
        let seat = Arc::default();
        let maker = maker(&seat);
        assert!(matches!(seat.claim(), Claim::Connecting));
        maker.made((), Arc::default());
        assert_eq!(number(&seat), Some(1));
        assert!(seat.is_taken());
    }

    #[test]
    fn an_attempt_that_failed_is_made_again() {
        let seat = Arc::default();
        drop(maker(&seat));
        maker(&seat).made((), Arc::default());
        assert_eq!(number(&seat), Some(2));
    }

    #[test]
    fn a_late_failure_does_not_end_the_connection_that_followed() {
        let seat = Arc::default();
        let first = maker(&seat).made((), Arc::default());
        seat.leave(first.number());
        assert!(!seat.is_taken());
        maker(&seat).made((), Arc::default());
        seat.leave(first.number());
        assert_eq!(number(&seat), Some(2));
    }

    #[test]
    fn who_trusts_in_it_is_disarmed_when_it_is_let_go() {
        let key = Key::new("", "k".to_owned(), None).0;
        for is_left in [true, false] {
            let (seat, watches) = (Arc::default(), Arc::<Watches>::default());
            let made = maker(&seat).made((), Arc::clone(&watches));
            let watch = Watch::new();
            watches.add(&key, &watch);
            if is_left {
                seat.leave(made.number());
            }
            drop(seat);
            assert!(watch.is_armed(), "somebody is still asking over it");
            drop(made);
            assert!(!watch.is_armed());
        }
    }
}
