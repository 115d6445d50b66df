//! The callers of one schedule, and what must hold at its end.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering};

use crate::flight::{self, Entered};
use crate::flights::{Flights, Place};

const KEY: &str = "k";

/// How a flight ended for its members.
#[derive(Clone, Copy)]
enum Outcome {
    Value,
    Void,
}

type Home = Place<Outcome, Option<Cargo>>;
type Baton = flight::Baton<Outcome, Option<Cargo>, Home>;
type Member = flight::Member<Outcome, Option<Cargo>, Home>;
type Turn = flight::Turn<Outcome, Option<Cargo>, Home>;

/// What a baton carries: there is one per flight, and somebody answers for it to the end.
struct Cargo {
    world: World,
    /// How many callers hold this flight's baton.
    holders: AtomicUsize,
}

impl Drop for Cargo {
    fn drop(&mut self) {
        self.world.0.cargo_dropped.fetch_add(1, Ordering::SeqCst);
    }
}

struct Counts {
    flights: Arc<Flights<Outcome, Option<Cargo>>>,
    cargo_made: AtomicUsize,
    cargo_dropped: AtomicUsize,
    served: AtomicUsize,
    gone: AtomicUsize,
    calls: AtomicUsize,
}

#[derive(Clone)]
pub(crate) struct World(Arc<Counts>);

impl World {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Counts {
            flights: Arc::new(Flights::new()),
            cargo_made: AtomicUsize::new(0),
            cargo_dropped: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            gone: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
        }))
    }

    /// One call, from its entry to its value or to its being dropped.
    pub(crate) fn call(&self) {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        loop {
            let turn = match self.0.flights.enter(KEY, true) {
                Entered::Leads(baton) => Some(Turn::Leads(baton)),
                Entered::Joins(member) => wait(member),
            };
            match turn {
                Some(Turn::Leads(baton)) => return self.lead(baton),
                Some(Turn::Landed(Outcome::Value)) => {
                    self.0.served.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                Some(Turn::Landed(Outcome::Void)) => {}
                None => {
                    self.0.gone.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        }
    }

    pub(crate) fn invalidate(&self) {
        self.0.flights.void(KEY, Outcome::Void);
    }

    fn lead(&self, mut baton: Baton) {
        let fresh = baton.cargo.is_none();
        let cargo = baton
            .cargo
            .get_or_insert_with(|| Cargo { world: self.clone(), holders: AtomicUsize::new(0) });
        if fresh {
            self.0.cargo_made.fetch_add(1, Ordering::SeqCst);
        }
        assert_eq!(cargo.holders.fetch_add(1, Ordering::SeqCst), 0, "a second holder");
        shuttle::thread::yield_now();
        if thread_rng().gen_bool(0.5) {
            baton.seal();
            shuttle::thread::yield_now();
        }
        let holders =
            baton.cargo.as_ref().map(|cargo| cargo.holders.fetch_sub(1, Ordering::SeqCst));
        assert_eq!(holders, Some(1));
        if thread_rng().gen_bool(0.5) {
            self.0.served.fetch_add(1, Ordering::SeqCst);
            let cargo = baton.land(Outcome::Value);
            assert!(cargo.is_some(), "the cargo comes back");
        } else {
            self.0.gone.fetch_add(1, Ordering::SeqCst);
            drop(baton);
        }
    }

    /// What must hold when every call has ended.
    pub(crate) fn check(&self) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        let Counts { flights, cargo_made, cargo_dropped, served, gone, calls } = &*self.0;
        assert_eq!(flights.open(), 0, "a flight that nobody will end");
        assert_eq!(count(cargo_made), count(cargo_dropped), "cargo that nobody answers for");
        assert_eq!(count(served) + count(gone), count(calls), "a call without an end");
    }
}

/// Polls to the end, or drops the member after a few polls.
fn wait(mut member: Member) -> Option<Turn> {
    let mut polls_left: Option<u8> =
        thread_rng().gen_bool(0.4).then(|| thread_rng().gen_range(0..3));
    shuttle::future::block_on(poll_fn(move |cx| {
        if polls_left == Some(0) {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut member).poll(cx).map(Some);
        if let Some(left) = &mut polls_left {
            *left -= 1;
            cx.waker().wake_by_ref(); // dropped at some time, woken or not
        }
        polled
    }))
}
