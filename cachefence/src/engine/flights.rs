//! The flights of one kind, by key: at most one that can be joined for each.
//!
//! Loads, and the loads of guests, each have such a map. It serves only to find a flight; how a
//! flight is joined, sealed and landed is decided in [`flight`](super::flight). A flight leaves the
//! map when it is sealed, so an idle cache holds no flights. The map is split into shards, each with
//! a lock of its own, so that calls for different keys seldom wait for each other.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use tokio::time::Instant;

use super::flight::{Baton, Entered, Flight, Home, Member};
use crate::sync::{Arc, AtomicUsize, DefaultHashBuilder, Mutex, MutexGuard, Ordering, lock};

/// The flights of one kind. `O` is the outcome that they end with, `C` the cargo that their batons
/// carry.
pub(crate) struct Flights<O, C> {
    shards: [Mutex<Shard<O, C>>; SHARDS],
    /// How many flights the shards hold: a caller that finds 0 locks none.
    open: AtomicUsize,
    hasher: DefaultHashBuilder,
}

/// How many shards there are: enough that two threads seldom need the same one.
const SHARDS: usize = 32;

type Shard<O, C> = HashMap<Arc<str>, OneFlight<O, C>, DefaultHashBuilder>;

type OneFlight<O, C> = Arc<Flight<O, C, Place<O, C>>>;

/// The baton of a flight that has overtaken another, and a place in that other one.
pub(crate) type Overtaking<O, C> = (Baton<O, C, Place<O, C>>, Member<O, C, Place<O, C>>);

/// A flight's place in the shards.
pub(crate) struct Place<O, C> {
    flights: Arc<Flights<O, C>>,
    key: Arc<str>,
}

impl<O, C: Default> Flights<O, C> {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            open: AtomicUsize::new(0),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Joins the flight of `key`, or begins one. The flight is `cold` if the caller has found nothing
    /// that it could serve; later callers then join without reading first.
    pub(crate) fn enter(self: &Arc<Self>, key: &str, cold: bool) -> Entered<O, C, Place<O, C>> {
        let mut shard = self.shard(key);
        match shard.get(key).and_then(|flight| flight.join(cold)) {
            Some(member) => Entered::Joins(member),
            None => Entered::Leads(self.begin(&mut shard, key, cold)),
        }
    }

    /// Joins the flight of `key`, if there is one and it is cold.
    pub(crate) fn join_cold(self: &Arc<Self>, key: &str) -> Option<Member<O, C, Place<O, C>>> {
        // Relaxed: a caller that overlooks a flight which is just beginning reads for itself, which
        // is right too.
        if self.open.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let shard = self.shard(key);
        shard.get(key)?.join_cold()
    }

    /// Begins a flight of `key`, unless there is one that is not sealed.
    pub(crate) fn lead(self: &Arc<Self>, key: &str) -> Option<Baton<O, C, Place<O, C>>> {
        let mut shard = self.shard(key);
        let taken = shard.get(key).is_some_and(|flight| !flight.is_sealed());
        (!taken).then(|| self.begin(&mut shard, key, false))
    }

    /// Begins a flight of `key` in place of one that can be joined and whose progress is `late`, or of the
    /// caller's `own`, if the flight that had overtaken that one was given up. The caller is a member of the one that is
    /// overtaken too. `None` if there is no such flight.
    pub(crate) fn overtake(
        self: &Arc<Self>,
        key: &str,
        own: Option<&OneFlight<O, C>>,
        late: impl FnOnce(Instant) -> bool,
    ) -> Option<Overtaking<O, C>> {
        let mut shard = self.shard(key);
        let current = shard.get(key).filter(|flight| !flight.is_sealed());
        let flight = current.or(own).filter(|flight| flight.may_be_overtaken())?;
        if !late(flight.progress()) {
            return None;
        }
        let key = Arc::clone(&flight.home.key);
        let home = Place { flights: Arc::clone(self), key: Arc::clone(&key) };
        let (baton, member) = flight.overtake(home, false);
        let overtaken = shard.insert(key, Arc::clone(&baton.flight));
        if overtaken.is_none() {
            self.open.fetch_add(1, Ordering::Relaxed);
        }
        drop(shard);
        drop(overtaken); // with the lock released
        Some((baton, member))
    }

    /// Ends the flight of `key`, if there is one that is not sealed, with `outcome` for its members.
    /// The holder of the baton goes on without them.
    pub(crate) fn void(&self, key: &str, outcome: O)
    where
        O: Clone,
    {
        let flight = self.shard(key).get(key).cloned();
        if let Some(flight) = flight.filter(|flight| !flight.is_sealed()) {
            flight.dismiss(outcome);
        }
    }

    /// Closes the flight of `key`, if there is one, to further callers.
    pub(crate) fn seal(&self, key: &str) {
        let flight = self.shard(key).get(key).cloned();
        if let Some(flight) = flight {
            flight.seal();
        }
    }

    /// How many flights can be joined.
    #[cfg(test)]
    pub(crate) fn open(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn begin(
        self: &Arc<Self>,
        shard: &mut Shard<O, C>,
        key: &str,
        cold: bool,
    ) -> Baton<O, C, Place<O, C>> {
        let key: Arc<str> = key.into();
        let baton = Flight::begin(Place { flights: Arc::clone(self), key: Arc::clone(&key) }, cold);
        if shard.insert(key, Arc::clone(&baton.flight)).is_none() {
            self.open.fetch_add(1, Ordering::Relaxed);
        }
        baton
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard<O, C>> {
        #[allow(clippy::cast_possible_truncation)] // any bits of the hash will do
        let hash = self.hasher.hash_one(key) as usize;
        lock(&self.shards[hash % SHARDS])
    }
}

impl<O, C: Default> Home<O, C> for Place<O, C> {
    fn forget(&self, flight: &Arc<Flight<O, C, Self>>) {
        let mut shard = self.flights.shard(&self.key);
        if shard.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            let forgotten = shard.remove(&self.key);
            self.flights.open.fetch_sub(1, Ordering::Relaxed);
            drop(shard);
            drop(forgotten); // with the lock released
        }
    }
}
