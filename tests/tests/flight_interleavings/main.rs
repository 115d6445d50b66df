//! The flight under every interleaving that chance finds.
//!
//! `engine/flight.rs`, `engine/flights.rs` and `engine/wakers.rs` are compiled here against shuttle's primitives. Each run is one schedule of a
//! few callers of one key: leaders that land, seal and land, dismiss their flight, or are dropped before or after they
//! seal; tasks that lead in place of callers, which are members of their own flights; members that wait to the end,
//! are dropped after some polls, or overtake the flight and lead another beside it; and an invalidation that voids
//! the flight. In some schedules a leader hangs until all others are served, or tasks hang until nobody waits for
//! them. Shuttle itself fails a run in which everybody waits for somebody.
//!
//! 5,000 schedules by default, 100,000 with `CACHEFENCE_LONG=1`, half of them by the random
//! scheduler and half by PCT.

#[path = "../../../cachefence/src/engine/flight.rs"]
#[allow(dead_code, unreachable_pub)]
mod flight;
#[path = "../../../cachefence/src/engine/flights.rs"]
#[allow(dead_code, unreachable_pub)]
mod flights;
#[path = "../../../cachefence/src/engine/wakers.rs"]
#[allow(dead_code, unreachable_pub)]
mod wakers;

mod call;
mod lead;
mod world;

/// What a flight is built on.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicUsize, Ordering};
    pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard};
    pub(crate) use std::hash::RandomState as DefaultHashBuilder;
    use std::sync::PoisonError;

    pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

use call::call;
use world::World;

const CALLERS: usize = 4;

fn schedules() -> usize {
    if cachefence_tests::is_long() { 100_000 } else { 5_000 }
}

fn run() {
    let world = World::new();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            world.begins();
            let world = world.clone();
            shuttle::thread::spawn(move || call(&world))
        })
        .collect();
    let invalidation = {
        let world = world.clone();
        shuttle::thread::spawn(move || world.invalidate())
    };
    for caller in callers {
        caller.join().unwrap();
    }
    invalidation.join().unwrap();
    world.join();
    world.check();
}

#[test]
fn random_schedules_strand_nobody_and_leak_nothing() {
    shuttle::check_random(run, schedules() / 2);
}

#[test]
fn schedules_that_switch_rarely_strand_nobody_and_leak_nothing() {
    shuttle::check_pct(run, schedules() / 2, 3);
}
