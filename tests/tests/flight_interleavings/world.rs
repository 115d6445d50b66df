//! What one schedule is about, and what must hold at its end.

use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread::JoinHandle;

use crate::flight;
use crate::flights::{Flights, Place};

pub(crate) const KEY: &str = "k";

/// How a flight ended for its members.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) is_value: bool,
    /// Counts the outcomes that somebody, or a flight, still has.
    _alive: std::sync::Arc<()>,
}

type Home = Place<Outcome, Option<Cargo>>;
pub(crate) type Baton = flight::Baton<Outcome, Option<Cargo>, Home>;
pub(crate) type Member = flight::Member<Outcome, Option<Cargo>, Home>;
pub(crate) type Turn = flight::Turn<Outcome, Option<Cargo>, Home>;

/// What hangs, and what lets it go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangs {
    Nothing,
    /// The first leader hangs until all other calls have ended. So that they do, every member tries to overtake, and
    /// whoever has overtaken stays to the end.
    FirstLeader,
    /// As `FirstLeader`, but whoever has overtaken may give up, so that members try again and again.
    FirstLeaderAndMore,
    /// The tasks that lead for their callers hang until nobody waits for them. So that this comes, nobody waits
    /// for long.
    Tasks,
    /// Whoever has overtaken a load hangs until that load ends. So that it does, nobody who leads is dropped: a flight
    /// may be given up for want of members while it is overtaken.
    Hedges,
}

/// What a baton carries: there is one per flight, and somebody answers for it to the end.
pub(crate) struct Cargo {
    world: World,
    /// How many callers hold this flight's baton.
    pub(crate) holders: AtomicUsize,
}

impl Drop for Cargo {
    fn drop(&mut self) {
        self.world.0.cargo_dropped.fetch_add(1, Ordering::SeqCst);
    }
}

struct State {
    flights: Arc<Flights<Outcome, Option<Cargo>>>,
    hangs: Hangs,
    leaders: AtomicUsize,
    cargo_made: AtomicUsize,
    cargo_dropped: AtomicUsize,
    served: AtomicUsize,
    gone: AtomicUsize,
    calls: AtomicUsize,
    /// The calls that have not ended.
    open: Mutex<usize>,
    closed: Condvar,
    outcomes: std::sync::Arc<()>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Clone)]
pub(crate) struct World(Arc<State>);

impl World {
    pub(crate) fn new() -> Self {
        let hangs = [
            Hangs::Nothing,
            Hangs::FirstLeader,
            Hangs::FirstLeaderAndMore,
            Hangs::Tasks,
            Hangs::Hedges,
        ];
        Self(Arc::new(State {
            flights: Arc::new(Flights::new()),
            hangs: hangs[thread_rng().gen_range(0..hangs.len())],
            leaders: AtomicUsize::new(0),
            cargo_made: AtomicUsize::new(0),
            cargo_dropped: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            gone: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            open: Mutex::new(0),
            closed: Condvar::new(),
            outcomes: std::sync::Arc::default(),
            tasks: Mutex::default(),
        }))
    }

    pub(crate) fn flights(&self) -> &Arc<Flights<Outcome, Option<Cargo>>> {
        &self.0.flights
    }

    pub(crate) fn hangs(&self) -> Hangs {
        self.0.hangs
    }

    pub(crate) fn value(&self) -> Outcome {
        Outcome { is_value: true, _alive: std::sync::Arc::clone(&self.0.outcomes) }
    }

    pub(crate) fn void(&self) -> Outcome {
        Outcome { is_value: false, ..self.value() }
    }

    pub(crate) fn invalidate(&self) {
        self.0.flights.void(KEY, self.void());
    }

    /// Notes that there is a call.
    pub(crate) fn begins(&self) {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        *self.0.open.lock().unwrap() += 1;
    }

    /// Notes that a call was given a value, or made one.
    pub(crate) fn served(&self) {
        self.0.served.fetch_add(1, Ordering::SeqCst);
        self.close();
    }

    /// Notes that a call was dropped.
    pub(crate) fn gone(&self) {
        self.0.gone.fetch_add(1, Ordering::SeqCst);
        self.close();
    }

    fn close(&self) {
        *self.0.open.lock().unwrap() -= 1;
        self.0.closed.notify_all();
    }

    /// Notes that somebody leads, and hangs if the first one does.
    pub(crate) fn leads(&self) {
        let is_first = self.0.leaders.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first && matches!(self.0.hangs, Hangs::FirstLeader | Hangs::FirstLeaderAndMore) {
            let mut open = self.0.open.lock().unwrap();
            while *open > 1 {
                open = self.0.closed.wait(open).unwrap();
            }
        }
    }

    pub(crate) fn cargo(&self) -> Cargo {
        self.0.cargo_made.fetch_add(1, Ordering::SeqCst);
        Cargo { world: self.clone(), holders: AtomicUsize::new(0) }
    }

    /// Runs `work` beside the callers.
    pub(crate) fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        let task = shuttle::thread::spawn(work);
        self.0.tasks.lock().unwrap().push(task);
    }

    /// Waits until all that was spawned has ended.
    pub(crate) fn join(&self) {
        loop {
            let task = self.0.tasks.lock().unwrap().pop();
            let Some(task) = task else { return };
            task.join().unwrap();
        }
    }

    /// What must hold when every call has ended.
    pub(crate) fn check(&self) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        let State { flights, cargo_made, cargo_dropped, served, gone, calls, outcomes, .. } =
            &*self.0;
        assert_eq!(flights.open(), 0, "a flight that nobody will end");
        assert_eq!(count(cargo_made), count(cargo_dropped), "cargo that nobody answers for");
        assert_eq!(count(served) + count(gone), count(calls), "a call without an end");
        assert_eq!(std::sync::Arc::strong_count(outcomes), 1, "a flight that somebody still has");
    }
}
