//! The callers of one schedule.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use shuttle::rand::{Rng as _, thread_rng};
use shuttle::thread::yield_now;

use crate::flight::Entered;
use crate::lead::{lead, lead_hedge, lead_in_task};
use crate::world::{Baton, Hangs, KEY, Member, Turn, World};

/// One call, from its entry to its value or to its being dropped.
pub(crate) fn call(world: &World) {
    loop {
        let turn = match world.flights().enter(KEY, true) {
            Entered::Leads(baton) => Some(Turn::Leads(baton)),
            Entered::Joins(member) => match wait_or_overtake(world, member) {
                Waited::Ended(turn) => turn,
                Waited::Overtakes(baton, overtaken) => return lead_hedge(world, baton, overtaken),
            },
        };
        let turn = match turn {
            Some(Turn::Leads(baton)) if thread_rng().gen_bool(0.4) => {
                let member = baton.member();
                let shared = world.clone();
                world.spawn(move || lead_in_task(&shared, baton));
                wait(world, member)
            }
            turn => turn,
        };
        match turn {
            Some(Turn::Leads(baton)) => return lead(world, baton),
            Some(Turn::Landed(outcome)) if outcome.is_value => return world.served(),
            Some(Turn::Landed(_)) => {}
            None => return world.gone(),
        }
    }
}

/// What comes of a wait for another call's load.
enum Waited {
    Ended(Option<Turn>),
    /// The load seems to hang: the member leads another beside it.
    Overtakes(Baton, Member),
}

fn wait_or_overtake(world: &World, mut member: Member) -> Waited {
    loop {
        if let Some(turn) = poll(&mut member, true) {
            return Waited::Ended(Some(turn));
        }
        if world.hangs() == Hangs::FirstLeader || thread_rng().gen_bool(0.3) {
            let own = Some(&member.flight);
            if let Some((baton, overtaken)) = world.flights().overtake(KEY, own, |_| true) {
                return Waited::Overtakes(baton, overtaken);
            }
        }
        if world.hangs() != Hangs::FirstLeaderAndMore {
            break;
        }
        yield_now();
    }
    let leaves = leaves(world);
    Waited::Ended(poll(&mut member, leaves))
}

/// Waits for the load that a task leads for this call.
fn wait(world: &World, mut member: Member) -> Option<Turn> {
    let leaves = leaves(world);
    poll(&mut member, leaves)
}

/// Whether a caller leaves before the load that it waits for has ended.
fn leaves(world: &World) -> bool {
    world.hangs() == Hangs::Tasks || thread_rng().gen_bool(0.4)
}

/// Polls the member to its end, or, if it `leaves`, up to twice; it is not dropped then.
pub(crate) fn poll(member: &mut Member, leaves: bool) -> Option<Turn> {
    let mut polls_left: Option<u8> = leaves.then(|| thread_rng().gen_range(0..3));
    shuttle::future::block_on(poll_fn(move |cx| {
        if polls_left == Some(0) {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut *member).poll(cx).map(Some);
        if let Some(left) = &mut polls_left {
            *left -= 1;
            cx.waker().wake_by_ref(); // leaves at some time, woken or not
        }
        polled
    }))
}
