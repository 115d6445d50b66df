//! One flight per key and process: many callers, one of whom works for all.
//!
//! Callers that want the same thing at the same time *enter* one flight. At any moment one of them
//! holds the [`Baton`] and does the work; the others are [`Member`]s and wait. It ends in one of
//! these ways:
//!
//! - The holder *lands* it: every member is given the outcome.
//! - The holder is dropped (cancelled, or unwound by a panic): the baton, with the cargo that it
//!   carries, is offered to the members, and the first that is polled goes on with it. If there is
//!   none, the flight is over and the cargo is dropped.
//! - It is *voided*: every member is given the outcome that says so, and the holder goes on alone.
//!
//! A flight is *sealed* when nobody may enter it any more, which is before its outcome is known to
//! be good: whoever comes later finds no flight under the key, and begins another.
//!
//! Nothing here sleeps or does I/O, and no lock is held while a waker or a destructor of somebody
//! else's runs. Locks are taken in the order shard, flight.

use std::collections::HashMap;
use std::future::Future;
use std::hash::BuildHasher as _;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use crate::sync::{Arc, AtomicUsize, DefaultHashBuilder, Mutex, MutexGuard, Ordering, PoisonError};

/// The flights of one kind, by key. `O` is how they end, `C` the cargo that their batons carry.
pub(crate) struct Flights<O, C> {
    shards: [Mutex<Shard<O, C>>; SHARDS],
    /// How many are in the maps, for those who only want to know that there are none.
    open: AtomicUsize,
    hasher: DefaultHashBuilder,
}

/// Enough that two threads seldom meet in one.
const SHARDS: usize = 32;

type Shard<O, C> = HashMap<Arc<str>, Arc<Flight<O, C>>, DefaultHashBuilder>;

struct Flight<O, C> {
    key: Arc<str>,
    state: Mutex<State<O, C>>,
}

struct State<O, C> {
    /// Whether callers may join before they have looked into the store.
    cold: bool,
    /// The cargo of a baton that nobody holds: the first member that is polled takes it.
    offer: Option<C>,
    outcome: Option<O>,
    since: Instant,
    /// How often the holder of the baton has shown that it is alive.
    beats: u64,
    seats: Seats,
}

/// What came of entering.
pub(crate) enum Entered<O, C: Default> {
    /// There was no flight: the caller has begun one.
    Leads(Baton<O, C>),
    /// The caller joined a flight that was under way.
    Joins(Member<O, C>),
}

/// What a member waited for.
pub(crate) enum Turn<O, C: Default> {
    /// The flight has ended.
    Landed(O),
    /// Whoever held the baton is gone; the member holds it now.
    Leads(Baton<O, C>),
}

impl<O, C: Default> Flights<O, C> {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            open: AtomicUsize::new(0),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Joins the flight of `key`, or begins one. It is `cold` if the caller has found nothing that
    /// it could serve; later callers then join without looking themselves.
    pub(crate) fn enter(self: &Arc<Self>, key: &str, cold: bool) -> Entered<O, C> {
        let mut shard = self.shard(key);
        if let Some(flight) = shard.get(key) {
            return Entered::Joins(self.join(flight, cold));
        }
        Entered::Leads(self.begin(&mut shard, key, cold))
    }

    /// Joins the flight of `key`, if there is one and it is cold.
    pub(crate) fn join_cold(self: &Arc<Self>, key: &str) -> Option<Member<O, C>> {
        // Who overlooks one that is just beginning looks for itself.
        if self.open.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let shard = self.shard(key);
        let flight = shard.get(key)?;
        let cold = lock(&flight.state).cold;
        cold.then(|| self.join(flight, true))
    }

    /// Begins a flight of `key`, unless there is one.
    pub(crate) fn lead(self: &Arc<Self>, key: &str) -> Option<Baton<O, C>> {
        let mut shard = self.shard(key);
        (!shard.contains_key(key)).then(|| self.begin(&mut shard, key, false))
    }

    /// Ends the flight of `key`, if there is one that is not sealed, with `outcome` for its
    /// members. The holder of the baton goes on without them.
    pub(crate) fn void(&self, key: &str, outcome: O) {
        let flight = self.shard(key).remove(key);
        if let Some(flight) = flight {
            self.open.fetch_sub(1, Ordering::Relaxed);
            flight.end(outcome);
        }
    }

    /// How many flights can be entered.
    #[cfg(test)]
    pub(crate) fn open(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard<O, C>> {
        #[allow(clippy::cast_possible_truncation)] // any bits of the hash will do
        let hash = self.hasher.hash_one(key) as usize;
        lock(&self.shards[hash % SHARDS])
    }

    /// Has `flight` be entered no more.
    fn close(&self, shard: &mut Shard<O, C>, flight: &Arc<Flight<O, C>>) {
        if shard.get(&*flight.key).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            shard.remove(&*flight.key);
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn begin(self: &Arc<Self>, shard: &mut Shard<O, C>, key: &str, cold: bool) -> Baton<O, C> {
        let key: Arc<str> = key.into();
        let (since, seats) = (Instant::now(), Seats::default());
        let state = State { cold, offer: None, outcome: None, since, beats: 0, seats };
        let flight = Arc::new(Flight { key: Arc::clone(&key), state: Mutex::new(state) });
        shard.insert(key, Arc::clone(&flight));
        self.open.fetch_add(1, Ordering::Relaxed);
        let crew = Crew { flights: Arc::clone(self), flight };
        Baton { crew, cargo: C::default(), done: false }
    }

    /// Called with the shard locked, so that the flight cannot end between being found and joined.
    fn join(self: &Arc<Self>, flight: &Arc<Flight<O, C>>, cold: bool) -> Member<O, C> {
        let mut state = lock(&flight.state);
        state.cold |= cold;
        let seat = Some(state.seats.take());
        drop(state);
        Member { crew: Crew { flights: Arc::clone(self), flight: Arc::clone(flight) }, seat }
    }
}

impl<O, C> Flight<O, C> {
    /// Ends the flight for its members; the first outcome counts.
    fn end(&self, outcome: O) {
        let mut state = lock(&self.state);
        if state.outcome.is_none() {
            state.outcome = Some(outcome);
            let wakers = state.seats.wakers();
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that panics runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right, and the duty, to work for a flight. Dropped, it passes to a member.
pub(crate) struct Baton<O, C: Default> {
    crew: Crew<O, C>,
    /// What the next holder needs to go on where this one stopped.
    pub(crate) cargo: C,
    done: bool,
}

/// Those for whom a baton's holder works.
pub(crate) struct Crew<O, C: Default> {
    flights: Arc<Flights<O, C>>,
    flight: Arc<Flight<O, C>>,
}

impl<O, C: Default> Clone for Crew<O, C> {
    fn clone(&self) -> Self {
        Self { flights: Arc::clone(&self.flights), flight: Arc::clone(&self.flight) }
    }
}

impl<O, C: Default> Crew<O, C> {
    /// Closes the flight to further callers.
    fn seal(&self) {
        self.flights.close(&mut self.flights.shard(&self.flight.key), &self.flight);
    }

    /// Ends the flight with `outcome` for its members; the holder of the baton goes on alone.
    pub(crate) fn dismiss(&self, outcome: O) {
        self.seal();
        self.flight.end(outcome);
    }

    /// Shows the members that somebody is at work.
    pub(crate) fn beat(&self) {
        lock(&self.flight.state).beats += 1;
    }
}

impl<O, C: Default> Baton<O, C> {
    /// Closes the flight to further callers.
    pub(crate) fn seal(&self) {
        self.crew.seal();
    }

    /// How many wait for it.
    pub(crate) fn members(&self) -> usize {
        lock(&self.crew.flight.state).seats.taken()
    }

    /// Cargo and crew, to be used at the same time.
    pub(crate) fn split(&mut self) -> (&mut C, &Crew<O, C>) {
        (&mut self.cargo, &self.crew)
    }

    /// Ends the flight with `outcome` for all its members, and gives the cargo back.
    pub(crate) fn land(mut self, outcome: O) -> C {
        self.done = true;
        self.crew.dismiss(outcome);
        mem::take(&mut self.cargo)
    }

    /// How many members there have been at one time.
    #[cfg(test)]
    pub(crate) fn seats(&self) -> usize {
        lock(&self.crew.flight.state).seats.wakers.len()
    }

    fn pass_on(&mut self) -> Option<C> {
        let Crew { flights, flight } = &self.crew;
        // The shard stays locked until the offer stands: nobody can join a flight that is about to
        // be given up for want of members.
        let mut shard = flights.shard(&flight.key);
        let mut state = lock(&flight.state);
        let cargo = mem::take(&mut self.cargo);
        if state.outcome.is_some() || state.seats.taken() == 0 {
            drop(state);
            flights.close(&mut shard, flight);
            return Some(cargo);
        }
        state.offer = Some(cargo);
        let wakers = state.seats.wakers();
        drop(state);
        drop(shard);
        // All of them, not one: a single member that is never polled again (parked in a `select`)
        // would keep the baton from the others.
        wakers.into_iter().for_each(Waker::wake);
        None
    }
}

impl<O, C: Default> Drop for Baton<O, C> {
    fn drop(&mut self) {
        if !self.done {
            let unwanted = self.pass_on();
            drop(unwanted); // with no lock held
        }
    }
}

/// A caller that waits for a flight. Dropped, it leaves.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Member<O, C: Default> {
    crew: Crew<O, C>,
    /// `None` once it has had its turn.
    seat: Option<usize>,
}

impl<O: Clone, C: Default> Future for Member<O, C> {
    type Output = Turn<O, C>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(seat) = self.seat else {
            return Poll::Pending;
        };
        let mut state = lock(&self.crew.flight.state);
        if let Some(outcome) = &state.outcome {
            let outcome = outcome.clone();
            let waker = state.seats.leave(seat);
            drop(state);
            drop(waker);
            self.seat = None;
            return Poll::Ready(Turn::Landed(outcome));
        }
        if let Some(cargo) = state.offer.take() {
            let waker = state.seats.leave(seat);
            drop(state);
            drop(waker);
            self.seat = None;
            return Poll::Ready(Turn::Leads(Baton { crew: self.crew.clone(), cargo, done: false }));
        }
        let replaced = state.seats.wait(seat, cx.waker());
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl<O, C: Default> Member<O, C> {
    /// When the flight was begun.
    pub(crate) fn since(&self) -> Instant {
        lock(&self.crew.flight.state).since
    }

    /// How often the holder of the baton has shown that it is alive.
    pub(crate) fn beats(&self) -> u64 {
        lock(&self.crew.flight.state).beats
    }

    /// Has later callers look for themselves before they join.
    pub(crate) fn cool(&self) {
        lock(&self.crew.flight.state).cold = false;
    }

    /// Ends the flight with `outcome` for its members; the holder of the baton goes on alone.
    pub(crate) fn dismiss(&self, outcome: O) {
        self.crew.dismiss(outcome);
    }

    /// Gives up the seat. What it leaves is to be dropped with no lock held: its waker, and the
    /// cargo of an offer that nobody is left to take.
    fn leave(&self, seat: usize) -> (Option<Waker>, Option<C>) {
        let mut shard = self.crew.flights.shard(&self.crew.flight.key);
        let mut state = lock(&self.crew.flight.state);
        let waker = state.seats.leave(seat);
        let unwanted = if state.seats.taken() == 0 { state.offer.take() } else { None };
        drop(state);
        if unwanted.is_some() {
            self.crew.flights.close(&mut shard, &self.crew.flight);
        }
        (waker, unwanted)
    }
}

impl<O, C: Default> Drop for Member<O, C> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            drop(self.leave(seat));
        }
    }
}

/// The members' wakers. A member keeps its number until it leaves.
#[derive(Default)]
struct Seats {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Seats {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            if self.wakers.len() == self.wakers.capacity() {
                // Not twice as many: with a crowd, that is a good part of what it takes.
                self.wakers.reserve_exact(self.wakers.len() / 8 + 4);
            }
            self.wakers.push(None);
            self.wakers.len() - 1
        })
    }

    fn leave(&mut self, seat: usize) -> Option<Waker> {
        self.free.push(seat);
        self.wakers[seat].take()
    }

    fn taken(&self) -> usize {
        self.wakers.len() - self.free.len()
    }

    /// Remembers whom to wake; returns whom it forgets.
    fn wait(&mut self, seat: usize, waker: &Waker) -> Option<Waker> {
        match &self.wakers[seat] {
            Some(current) if current.will_wake(waker) => None,
            _ => self.wakers[seat].replace(waker.clone()),
        }
    }

    fn wakers(&mut self) -> Vec<Waker> {
        self.wakers.iter_mut().filter_map(Option::take).collect()
    }
}
