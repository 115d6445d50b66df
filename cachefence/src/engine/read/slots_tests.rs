//! Tests of the slots, one behaviour each, without a store.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::hints::ReadResult;
use super::slots::{ReadGuard, SIDE_BY_SIDE};
use crate::engine::flight::Entered;

type Slots = super::slots::Slots<()>;

const SMALL: ReadResult = ReadResult::Small;
const LARGE: ReadResult = ReadResult::Large;
const UNAVAILABLE: ReadResult = ReadResult::Unavailable;

/// The output of a future if it is ready when it is polled once.
fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn one_call_reads_at_a_time() {
    let slots = Slots::new();
    let first = slots.try_start(1).unwrap();
    assert!(slots.try_start(1).is_none());
    assert!(slots.try_start(2).is_some(), "another key");
    first.finish(SMALL);
    assert!(slots.try_start(1).is_some());
    assert!(slots.is_empty());
}

#[test]
fn a_slot_is_reserved_for_the_leader_that_waits() {
    let slots = Slots::new();
    let first = slots.try_start(1).unwrap();
    let mut next = slots.turn(1);
    assert!(poll(&mut next).is_none());
    drop(first);
    assert!(slots.try_start(1).is_none(), "nobody goes before it");
    let reading = poll(&mut next).unwrap().expect("the first one was not in trouble");
    drop(next);
    assert!(slots.try_start(1).is_none());
    drop(reading);
    assert!(slots.is_empty());
}

#[test]
fn a_leader_that_waits_is_told_that_the_store_is_unavailable() {
    let slots = Slots::new();
    let first = slots.try_start(1).unwrap();
    let mut next = slots.turn(1);
    assert!(poll(&mut next).is_none());
    first.finish(UNAVAILABLE);
    assert!(poll(&mut next).unwrap().is_none());
    drop(next);
    assert!(slots.is_empty());
}

#[test]
fn a_leader_that_leaves_is_not_waited_for() {
    let slots = Slots::new();
    let first = slots.try_start(1).unwrap();
    let mut next = slots.turn(1);
    assert!(poll(&mut next).is_none());
    drop(next);
    first.finish(UNAVAILABLE);
    assert!(slots.is_empty(), "nobody has to hear of it");
}

#[test]
fn a_leader_that_forces_its_start_does_not_wait_any_more() {
    let slots = Slots::new();
    let stuck = slots.try_start(1).unwrap();
    let mut next = slots.turn(1);
    assert!(poll(&mut next).is_none());
    let second = slots.force_start(1);
    drop(next);
    second.finish(SMALL);
    assert!(slots.try_start(1).is_some(), "the slots is kept for nobody");
    drop(stuck);
    assert!(slots.is_empty());
}

#[test]
fn a_leader_that_no_longer_waits_keeps_nobody() {
    let slots = Slots::new();
    let first = slots.try_start(1).unwrap();
    let mut next = slots.turn(1);
    assert!(poll(&mut next).is_none());
    first.finish(SMALL);
    drop(next);
    assert!(slots.try_start(1).is_some());
    assert!(slots.is_empty());
}

/// How many callers wait for one read of a hot key.
const MANY: usize = 100;

#[test]
fn a_reader_of_a_hot_key_waits_for_company() {
    let slots = Slots::new();
    slots.shared(1, MANY);
    assert!(slots.try_start(1).is_none());
    let reading = poll(&mut slots.turn(1)).unwrap().expect("the slots is clear");
    assert!(slots.try_start(2).is_some(), "another key");
    reading.finish(SMALL);
    slots.shared(1, 0);
    assert!(slots.try_start(1).is_some(), "nobody shared that one");
}

/// Has the slots learn that a read, for which another one waited, ended with `result`.
fn learn(slots: &Slots, result: ReadResult) {
    let first = slots.try_start(1).unwrap();
    let mut next = slots.turn(1);
    assert!(poll(&mut next).is_none());
    first.finish(result);
    if let Some(reading) = poll(&mut next).unwrap() {
        reading.finish(result);
    }
    assert!(slots.is_empty());
}

#[test]
fn reads_of_a_small_entry_go_side_by_side_up_to_a_limit() {
    let slots = Slots::new();
    learn(&slots, SMALL);
    let mut reading: Vec<_> = (0..SIDE_BY_SIDE).map(|_| slots.try_start(1).unwrap()).collect();
    assert!(slots.try_start(1).is_none());
    // Whichever read ends, the first one or another, it makes room for one more.
    for flight in [3, 0, 5].map(|index| reading.swap_remove(index)) {
        flight.finish(SMALL);
        reading.push(slots.try_start(1).unwrap());
        assert!(slots.try_start(1).is_none());
    }
    drop(reading);
    assert!(slots.is_empty());
}

#[test]
fn nobody_reads_beside_a_read_that_others_wait_for() {
    let slots = Slots::new();
    learn(&slots, SMALL);
    let (first, beside) = (slots.try_start(1).unwrap(), slots.try_start(1).unwrap());
    let mut next = slots.turn(1);
    assert!(poll(&mut next).is_none());
    assert!(slots.try_start(1).is_none());
    beside.finish(SMALL);
    assert!(poll(&mut next).is_none(), "the first one is still reading");
    first.finish(SMALL);
    assert!(slots.try_start(1).is_none(), "the slots is kept");
    assert!(poll(&mut next).unwrap().is_some());
    assert!(slots.is_empty());
}

#[test]
fn only_leaders_that_waited_are_told_that_the_store_is_unavailable() {
    let slots = Slots::new();
    learn(&slots, SMALL);
    let (first, beside) = (slots.try_start(1).unwrap(), slots.try_start(1).unwrap());
    first.finish(UNAVAILABLE);
    let mut later = slots.turn(1);
    let reading: Option<ReadGuard<'_, ()>> = poll(&mut later).expect("nobody waited before");
    assert!(reading.is_some());
    drop((reading, beside));
    assert!(slots.is_empty());
}

#[test]
fn reads_that_are_not_known_to_be_small_go_one_at_a_time() {
    for result in [LARGE, UNAVAILABLE, ReadResult::Unknown] {
        let slots = Slots::new();
        learn(&slots, result);
        let first = slots.try_start(1).unwrap();
        assert!(slots.try_start(1).is_none(), "{result:?}");
        drop(first);
        learn(&slots, SMALL);
        let (first, beside) = (slots.try_start(1).unwrap(), slots.try_start(1).unwrap());
        beside.finish(LARGE);
        assert!(slots.try_start(1).is_none(), "it has grown");
        drop(first);
    }
}

#[test]
fn a_read_that_was_overtaken_does_not_free_the_slot() {
    let slots = Slots::new();
    let stuck = slots.try_start(1).unwrap();
    let second = slots.force_start(1);
    drop(stuck);
    assert!(slots.try_start(1).is_none(), "the second is still reading");
    drop(second);
    assert!(slots.is_empty());
}

#[test]
fn two_keys_of_one_hash_read_in_turns() {
    let slots = Slots::new();
    let first = slots.try_start(1).unwrap();
    let (mut a, mut b) = (slots.turn(1), slots.turn(1));
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
fn all_leaders_that_wait_are_woken_by_the_last_waker_of_each() {
    let slots = Slots::new();
    let first = slots.try_start(1).unwrap();
    let (mut a, mut b) = (slots.turn(1), slots.turn(1));
    let called: [Arc<Called>; 3] = Default::default();
    for (next, called) in [(&mut a, &called[0]), (&mut b, &called[1])] {
        let waker = Waker::from(Arc::clone(called));
        assert!(Pin::new(next).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let waker = Waker::from(Arc::clone(&called[2]));
    assert!(Pin::new(&mut b).poll(&mut Context::from_waker(&waker)).is_pending());
    first.finish(SMALL);
    assert_eq!(called.map(|called| called.0.load(Ordering::SeqCst)), [true, false, true]);
}

#[test]
fn a_read_that_was_overtaken_still_counts() {
    let slots = Slots::new();
    learn(&slots, SMALL);
    let reading = (slots.try_start(1).unwrap(), slots.force_start(1));
    let beside: Vec<_> = (2..SIDE_BY_SIDE).map(|_| slots.try_start(1).unwrap()).collect();
    assert!(slots.try_start(1).is_none());
    drop((reading, beside));
    assert!(slots.is_empty());
}

#[test]
fn nothing_is_learned_where_nobody_else_reads() {
    let slots = Slots::new();
    slots.try_start(1).unwrap().finish(SMALL);
    let first = slots.try_start(1).unwrap();
    assert!(slots.try_start(1).is_none());
    drop(first);
}

#[test]
fn nothing_is_learned_of_a_read_that_had_its_slot_alone() {
    let slots = Slots::new();
    // A forced start takes a slot in the map, although nobody else reads.
    slots.force_start(1).finish(SMALL);
    let first = slots.try_start(1).unwrap();
    assert!(slots.try_start(1).is_none());
    drop(first);
}

#[test]
fn slots_are_told_apart_by_the_names_of_their_keys() {
    let slots = Slots::new();
    assert_eq!(slots.of("a"), slots.of("a"));
    assert_ne!(slots.of("a"), slots.of("b"));
}

fn leads(slots: &Arc<Slots>, key: &str) -> Option<bool> {
    slots.enter_next(1, key).map(|entered| matches!(entered, Entered::Leads(_)))
}

#[test]
fn the_next_read_is_joined_until_it_is_sealed() {
    let slots = Arc::new(Slots::new());
    let first = slots.try_start(1).unwrap();
    let Some(Entered::Leads(baton)) = slots.enter_next(1, "k") else { panic!("it is the first") };
    assert_eq!(leads(&slots, "k"), Some(false));
    baton.seal();
    let Some(Entered::Leads(after)) = slots.enter_next(1, "k") else { panic!("it is sealed") };
    baton.land(());
    assert_eq!(leads(&slots, "k"), Some(false), "landing leaves the one after in place");
    drop((after, first));
    assert!(slots.is_empty());
}

#[test]
fn a_key_does_not_join_the_next_read_of_another_in_its_slot() {
    let slots = Arc::new(Slots::new());
    let Some(Entered::Leads(baton)) = slots.enter_next(1, "k") else { panic!("it is the first") };
    assert_eq!(leads(&slots, "other"), None);
    drop(baton);
    assert!(slots.is_empty());
}
