//! What holds of the runway, whoever takes off.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::habits::Cost;
use super::runway::{Aloft, Runway, SIDE_BY_SIDE};

const CHEAP: Cost = Cost::Cheap;
const DEAR: Cost = Cost::Dear;
const TROUBLE: Cost = Cost::Trouble;

/// What a future comes to when it is polled once.
fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn one_is_aloft_at_a_time() {
    let way = Runway::new();
    let first = way.take_off(1).unwrap();
    assert!(way.take_off(1).is_none());
    assert!(way.take_off(2).is_some(), "another key");
    first.land(CHEAP);
    assert!(way.take_off(1).is_some());
    assert!(way.is_empty());
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
    assert!(way.is_empty());
}

#[test]
fn who_waits_is_told_of_trouble() {
    let way = Runway::new();
    let first = way.take_off(1).unwrap();
    let mut next = way.clear(1);
    assert!(poll(&mut next).is_none());
    first.land(TROUBLE);
    assert!(poll(&mut next).unwrap().is_none());
    drop(next);
    assert!(way.is_empty());
}

#[test]
fn who_leaves_before_the_way_is_clear_is_not_waited_for() {
    let way = Runway::new();
    let first = way.take_off(1).unwrap();
    let mut next = way.clear(1);
    assert!(poll(&mut next).is_none());
    drop(next);
    first.land(TROUBLE);
    assert!(way.is_empty(), "nobody has to hear of it");
}

#[test]
fn who_overtakes_does_not_wait_any_more() {
    let way = Runway::new();
    let stuck = way.take_off(1).unwrap();
    let mut next = way.clear(1);
    assert!(poll(&mut next).is_none());
    let second = way.overtake(1);
    drop(next);
    second.land(CHEAP);
    assert!(way.take_off(1).is_some(), "the way is kept for nobody");
    drop(stuck);
    assert!(way.is_empty());
}

#[test]
fn who_no_longer_waits_keeps_nobody() {
    let way = Runway::new();
    let first = way.take_off(1).unwrap();
    let mut next = way.clear(1);
    assert!(poll(&mut next).is_none());
    first.land(CHEAP);
    drop(next);
    assert!(way.take_off(1).is_some());
    assert!(way.is_empty());
}

/// So many wait for one read.
const MANY: usize = 100;

#[test]
fn in_a_crowd_one_waits_for_company() {
    let way = Runway::new();
    way.note(1, MANY);
    assert!(way.take_off(1).is_none());
    let aloft = poll(&mut way.clear(1)).unwrap().expect("the way is clear");
    assert!(way.take_off(2).is_some(), "another key");
    aloft.land(CHEAP);
    way.note(1, 0);
    assert!(way.take_off(1).is_some(), "nobody shared that one");
}

/// Has the runway see that a read, for which another one waited, comes to `cost`.
fn learn(way: &Runway, cost: Cost) {
    let first = way.take_off(1).unwrap();
    let mut next = way.clear(1);
    assert!(poll(&mut next).is_none());
    first.land(cost);
    if let Some(aloft) = poll(&mut next).unwrap() {
        aloft.land(cost);
    }
    assert!(way.is_empty());
}

#[test]
fn cheap_reads_go_side_by_side_up_to_a_limit() {
    let way = Runway::new();
    learn(&way, CHEAP);
    let mut aloft: Vec<_> = (0..SIDE_BY_SIDE).map(|_| way.take_off(1).unwrap()).collect();
    assert!(way.take_off(1).is_none());
    // Neither the first one nor the order matters.
    for flight in [3, 0, 5].map(|index| aloft.swap_remove(index)) {
        flight.land(CHEAP);
        aloft.push(way.take_off(1).unwrap());
        assert!(way.take_off(1).is_none());
    }
    drop(aloft);
    assert!(way.is_empty());
}

#[test]
fn nobody_goes_beside_a_read_that_others_wait_for() {
    let way = Runway::new();
    learn(&way, CHEAP);
    let (first, beside) = (way.take_off(1).unwrap(), way.take_off(1).unwrap());
    let mut next = way.clear(1);
    assert!(poll(&mut next).is_none());
    assert!(way.take_off(1).is_none());
    beside.land(CHEAP);
    assert!(poll(&mut next).is_none(), "the first one is still aloft");
    first.land(CHEAP);
    assert!(way.take_off(1).is_none(), "the way is kept");
    assert!(poll(&mut next).unwrap().is_some());
    assert!(way.is_empty());
}

#[test]
fn trouble_is_told_to_those_who_waited_and_to_nobody_else() {
    let way = Runway::new();
    learn(&way, CHEAP);
    let (first, beside) = (way.take_off(1).unwrap(), way.take_off(1).unwrap());
    first.land(TROUBLE);
    let mut later = way.clear(1);
    let aloft: Option<Aloft<'_>> = poll(&mut later).expect("nobody waited before");
    assert!(aloft.is_some());
    drop((aloft, beside));
    assert!(way.is_empty());
}

#[test]
fn reads_that_are_not_known_to_be_cheap_go_one_at_a_time() {
    for cost in [DEAR, TROUBLE, Cost::Unknown] {
        let way = Runway::new();
        learn(&way, cost);
        let first = way.take_off(1).unwrap();
        assert!(way.take_off(1).is_none(), "{cost:?}");
        drop(first);
        learn(&way, CHEAP);
        let (first, beside) = (way.take_off(1).unwrap(), way.take_off(1).unwrap());
        beside.land(DEAR);
        assert!(way.take_off(1).is_none(), "it has grown");
        drop(first);
    }
}

#[test]
fn who_was_overtaken_does_not_clear_the_way() {
    let way = Runway::new();
    let stuck = way.take_off(1).unwrap();
    let second = way.overtake(1);
    drop(stuck);
    assert!(way.take_off(1).is_none(), "the second is still aloft");
    drop(second);
    assert!(way.is_empty());
}

#[test]
fn two_keys_of_one_hash_read_in_turns() {
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

/// A waker that remembers that it was called.
#[derive(Default)]
struct Called(AtomicBool);

impl Wake for Called {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn all_who_wait_are_woken_by_the_last_waker_of_each() {
    let way = Runway::new();
    let first = way.take_off(1).unwrap();
    let (mut a, mut b) = (way.clear(1), way.clear(1));
    let called: [Arc<Called>; 3] = Default::default();
    for (next, called) in [(&mut a, &called[0]), (&mut b, &called[1])] {
        let waker = Waker::from(Arc::clone(called));
        assert!(Pin::new(next).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let waker = Waker::from(Arc::clone(&called[2]));
    assert!(Pin::new(&mut b).poll(&mut Context::from_waker(&waker)).is_pending());
    first.land(CHEAP);
    assert_eq!(called.map(|called| called.0.load(Ordering::SeqCst)), [true, false, true]);
}

#[test]
fn who_was_overtaken_counts_among_those_aloft() {
    let way = Runway::new();
    learn(&way, CHEAP);
    let aloft = (way.take_off(1).unwrap(), way.overtake(1));
    let beside: Vec<_> = (2..SIDE_BY_SIDE).map(|_| way.take_off(1).unwrap()).collect();
    assert!(way.take_off(1).is_none());
    drop((aloft, beside));
    assert!(way.is_empty());
}

#[test]
fn nothing_is_learned_where_nobody_else_reads() {
    let way = Runway::new();
    way.take_off(1).unwrap().land(CHEAP);
    let first = way.take_off(1).unwrap();
    assert!(way.take_off(1).is_none());
    drop(first);
}

#[test]
fn keys_are_told_apart_by_their_names() {
    let way = Runway::new();
    assert_eq!(way.of("a"), way.of("a"));
    assert_ne!(way.of("a"), way.of("b"));
}
