//! Those who lead: for themselves, in a task for their caller, or beside a load that they have overtaken.

use shuttle::future::block_on;
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::atomic::Ordering;
use shuttle::thread::yield_now;

use crate::call::poll;
use crate::world::{Baton, Hangs, KEY, Member, Turn, World};

/// Leads for a call, which ends with it.
pub(crate) fn lead(world: &World, baton: Baton) {
    let may_leave = world.hangs() != Hangs::Hedges;
    if work(world, baton, may_leave) { world.served() } else { world.gone() }
}

/// Leads in a task, in place of a call that waits as a member of the same flight.
pub(crate) fn lead_in_task(world: &World, baton: Baton) {
    if world.hangs() == Hangs::Tasks {
        // Members leave one by one, and the last that does has to wake this task.
        block_on(baton.flight.deserted());
        yield_now();
    }
    work(world, baton, world.hangs() != Hangs::Hedges);
}

/// Leads for a call, beside a load that may end first.
pub(crate) fn lead_hedge(world: &World, baton: Baton, mut overtaken: Member) {
    // A hedge that hangs is served by what it has overtaken.
    match poll(&mut overtaken, world.hangs() != Hangs::Hedges) {
        Some(Turn::Landed(outcome)) if outcome.is_value => {
            baton.flight.dismiss(outcome);
            return world.served();
        }
        // A baton that is offered is left to the other members.
        Some(Turn::Leads(_) | Turn::Landed(_)) | None => {}
    }
    // Those who wait for what hangs wait for the hedge, so the hedge is carried to its end.
    let may_leave = !matches!(world.hangs(), Hangs::FirstLeader | Hangs::Hedges);
    if work(world, baton, may_leave) { world.served() } else { world.gone() }
}

/// Works for a flight, and ends in one of the ways in which a leader can. Returns whether that is by a value.
fn work(world: &World, mut baton: Baton, may_leave: bool) -> bool {
    let cargo = baton.cargo.get_or_insert_with(|| world.cargo());
    assert_eq!(cargo.holders.fetch_add(1, Ordering::SeqCst), 0, "a second holder");
    world.leads();
    yield_now();
    is_the_only_one(world, &baton);
    if thread_rng().gen_bool(0.5) {
        baton.seal();
        yield_now();
    }
    let holders = baton.cargo.as_ref().map(|cargo| cargo.holders.fetch_sub(1, Ordering::SeqCst));
    assert_eq!(holders, Some(1));
    match thread_rng().gen_range(0..4) {
        0 if may_leave => {
            drop(baton);
            false
        }
        1 => {
            // The members are told to begin again, and the leader goes on alone.
            baton.flight.dismiss(world.void());
            yield_now();
            drop(baton);
            true
        }
        2 => {
            baton.flight.dismiss(world.value());
            drop(baton);
            true
        }
        _ => {
            let cargo = baton.land(world.value());
            assert!(cargo.is_some(), "the cargo comes back");
            true
        }
    }
}

/// No other flight can be joined beside one that is not sealed.
fn is_the_only_one(world: &World, baton: &Baton) {
    if let Some(other) = world.flights().lead(KEY) {
        assert!(baton.flight.is_sealed(), "two flights can be joined");
        other.land(world.void());
    }
}
