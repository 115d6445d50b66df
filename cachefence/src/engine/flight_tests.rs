//! Tests of single flights, one behaviour each. `tests/tests/flight_interleavings` explores the
//! interleavings.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use super::flight::{self, Entered, Turn};
use super::flights::{Flights, Place};

type TestFlights = Arc<Flights<&'static str, Option<Cargo>>>;
type TestPlace = Place<&'static str, Option<Cargo>>;
type Baton = flight::Baton<&'static str, Option<Cargo>, TestPlace>;
type Member = flight::Member<&'static str, Option<Cargo>, TestPlace>;

/// Counts how often it was dropped.
#[derive(Clone)]
struct Cargo(Arc<AtomicUsize>);

impl Drop for Cargo {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that looks at the flight when it is woken, and leaves it when it is dropped.
struct Curious {
    flights: TestFlights,
    aside: Member,
}

impl Wake for Curious {
    fn wake(self: Arc<Self>) {
        self.aside.progress();
        self.flights.open();
    }
}

fn flights() -> TestFlights {
    Arc::new(Flights::new())
}

fn lead(flights: &TestFlights) -> Baton {
    flights.lead("k").expect("no flight yet")
}

fn join(flights: &TestFlights) -> Member {
    match flights.enter("k", true) {
        Entered::Joins(member) => member,
        Entered::Leads(_) => panic!("there is a flight to join"),
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

fn counting() -> (Arc<CountingWaker>, Waker) {
    let counter = Arc::new(CountingWaker(AtomicUsize::new(0)));
    (Arc::clone(&counter), Waker::from(counter))
}

#[test]
fn every_member_is_given_the_outcome() {
    let flights = flights();
    let baton = lead(&flights);
    let (mut a, mut b) = (join(&flights), join(&flights));
    let (woken, waker) = counting();
    assert!(poll(&mut a, &waker).is_pending());
    assert!(poll(&mut b, &waker).is_pending());
    baton.land("landed");
    assert_eq!(woken.0.load(Ordering::SeqCst), 2);
    for member in [&mut a, &mut b] {
        assert!(matches!(poll(member, &waker), Poll::Ready(Turn::Landed("landed"))));
    }
    assert_eq!(flights.open(), 0);
}

#[test]
fn a_sealed_flight_cannot_be_entered() {
    let flights = flights();
    let baton = lead(&flights);
    let mut early = join(&flights);
    baton.seal();
    let Entered::Leads(second) = flights.enter("k", true) else {
        panic!("a sealed flight was entered")
    };
    baton.land("first");
    assert!(matches!(poll(&mut early, Waker::noop()), Poll::Ready(Turn::Landed("first"))));
    assert_eq!(flights.open(), 1, "landing the first leaves the second in place");
    second.land("second");
    assert_eq!(flights.open(), 0);
}

#[test]
fn a_flight_that_can_be_joined_is_not_led_a_second_time() {
    let flights = flights();
    let baton = lead(&flights);
    assert!(flights.lead("k").is_none());
    baton.seal();
    assert!(flights.lead("k").is_some());
}

#[test]
fn the_holder_knows_how_many_wait() {
    let flights = flights();
    let baton = lead(&flights);
    assert_eq!(baton.members(), 0);
    let (first, second) = (join(&flights), join(&flights));
    assert_eq!(baton.members(), 2);
    drop((first, second));
    assert_eq!(baton.members(), 0);
}

#[test]
fn a_dropped_holder_passes_baton_and_cargo_on() {
    let flights = flights();
    let drops = Arc::new(AtomicUsize::new(0));
    let mut baton = lead(&flights);
    baton.cargo = Some(Cargo(Arc::clone(&drops)));
    let (mut parked, mut alive) = (join(&flights), join(&flights));
    let (woken, waker) = counting();
    assert!(poll(&mut parked, &waker).is_pending());
    assert!(poll(&mut alive, &waker).is_pending());

    drop(baton);
    assert_eq!(woken.0.load(Ordering::SeqCst), 2, "one that is parked must not be the only one");
    let Poll::Ready(Turn::Leads(baton)) = poll(&mut alive, &waker) else {
        panic!("the baton was offered")
    };
    assert!(baton.cargo.is_some());
    assert!(poll(&mut parked, &waker).is_pending(), "there is one baton");
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(baton.land("landed"));
    assert!(matches!(poll(&mut parked, &waker), Poll::Ready(Turn::Landed("landed"))));
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn with_nobody_left_the_cargo_is_dropped_and_the_flight_gone() {
    let drops = Arc::new(AtomicUsize::new(0));
    for members in 0..3 {
        let flights = flights();
        let mut baton = lead(&flights);
        baton.cargo = Some(Cargo(Arc::clone(&drops)));
        let members: Vec<_> = (0..members).map(|_| join(&flights)).collect();
        let before = drops.load(Ordering::SeqCst);
        drop(baton);
        drop(members);
        assert_eq!(drops.load(Ordering::SeqCst), before + 1);
        assert_eq!(flights.open(), 0);
    }
}

#[test]
fn an_offer_that_one_member_leaves_is_taken_by_another() {
    let flights = flights();
    let baton = lead(&flights);
    let (mut a, mut b) = (join(&flights), join(&flights));
    let waker = Waker::noop();
    assert!(poll(&mut a, waker).is_pending());
    drop(baton);
    drop(a);
    assert!(matches!(poll(&mut b, waker), Poll::Ready(Turn::Leads(_))));
}

#[test]
fn a_late_joiner_takes_an_open_offer() {
    let flights = flights();
    let baton = lead(&flights);
    let parked = join(&flights);
    drop(baton);
    let mut late = join(&flights);
    assert!(matches!(poll(&mut late, Waker::noop()), Poll::Ready(Turn::Leads(_))));
    drop(parked);
}

#[test]
fn voiding_frees_the_members_and_the_key() {
    let flights = flights();
    let baton = lead(&flights);
    let mut member = join(&flights);
    flights.void("k", "void");
    assert!(matches!(poll(&mut member, Waker::noop()), Poll::Ready(Turn::Landed("void"))));
    let second = lead(&flights);
    baton.land("too late");
    assert_eq!(flights.open(), 1);
    drop(second);
    assert_eq!(flights.open(), 0);
}

#[test]
fn only_a_cold_flight_is_joined_unseen() {
    let flights = flights();
    assert!(flights.join_cold("k").is_none());
    let baton = lead(&flights);
    assert!(flights.join_cold("k").is_none(), "an early refresh is not cold");
    let missed = join(&flights);
    assert!(flights.join_cold("k").is_some(), "somebody has missed: it is cold now");
    drop((baton, missed));
}

#[test]
fn places_are_used_again() {
    let flights = flights();
    let baton = lead(&flights);
    for _ in 0..1_000 {
        drop(join(&flights));
    }
    assert_eq!(baton.places(), 1);
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let flights = flights();
    let baton = lead(&flights);
    let mut member = join(&flights);
    let ((before, first), (after, second)) = (counting(), counting());
    for waker in [&first, &first, &second] {
        assert!(poll(&mut member, waker).is_pending());
    }
    baton.land("landed");
    let woken = [before, after].map(|waker| waker.0.load(Ordering::SeqCst));
    assert_eq!(woken, [0, 1], "the member may have moved to another task");
}

#[test]
fn no_lock_is_held_while_a_waker_runs_or_is_dropped() {
    type Act = fn(Baton, Member);
    let acts: [(&str, Act); 6] = [
        ("landing", |baton, _member| drop(baton.land("landed"))),
        ("passing on", |baton, _member| drop(baton)),
        ("waiting again", |_baton, mut member| drop(poll(&mut member, Waker::noop()))),
        ("leaving", |_baton, member| drop(member)),
        ("being served", |baton, mut member| {
            drop(baton.land("landed"));
            assert!(poll(&mut member, Waker::noop()).is_ready());
        }),
        ("leading", |baton, mut member| {
            drop(baton);
            assert!(poll(&mut member, Waker::noop()).is_ready());
        }),
    ];
    for (name, act) in acts {
        let flights = flights();
        let (baton, mut member) = (lead(&flights), join(&flights));
        let aside = join(&flights);
        let waker = Waker::from(Arc::new(Curious { flights, aside }));
        assert!(poll(&mut member, &waker).is_pending());
        drop(waker); // the flight has the only one
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            act(baton, member);
            done.send(())
        });
        // If the flight woke or dropped the waker with its lock held, the thread would never end.
        let ended = is_done.recv_timeout(Duration::from_secs(10));
        assert!(ended.is_ok(), "{name}: {ended:?}");
    }
}
