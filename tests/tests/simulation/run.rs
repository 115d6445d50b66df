//! One seed, from its first call to the last check.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use turmoil::{Builder, Sim};

use crate::nemesis::{Nemesis, worker_name};
use crate::plan::{OP_TIMEOUT, Plan};
use crate::server::serve;
use crate::worker::work;
use crate::world::{Stats, World};

/// How long a run may take; only one that hangs does.
const LONGEST_RUN: Duration = Duration::from_secs(60);

/// Runs `seed`.
///
/// # Errors
///
/// What was violated, and what led to it.
pub(crate) fn run(seed: u64) -> Result<Stats, String> {
    let world = play(seed);
    match world.failure() {
        None => Ok(world.state().stats),
        Some(failure) => Err(format!("{:#?}\n{failure}", world.plan)),
    }
}

/// Runs `seed` to its end.
pub(crate) fn play(seed: u64) -> Arc<World> {
    let world = World::new(Plan::new(seed));
    let mut sim = simulation(&world);
    let mut nemesis = Nemesis::new(&world);
    while !world.is_over() {
        nemesis.act(&mut sim);
        step(&mut sim, &world);
        if sim.elapsed() > LONGEST_RUN {
            world.state().violation(None, "somebody waits forever");
        }
    }
    let leases_end = sim.elapsed() + world.plan.lock_timeout + 2 * OP_TIMEOUT;
    // What hangs keeps its lease until the load has taken too long.
    let latest = leases_end + world.plan.load_timeout + world.plan.lock_timeout;
    let over = |now| now >= latest || now >= leases_end && !world.is_locked(now);
    while !over(sim.elapsed()) && world.failure().is_none() {
        step(&mut sim, &world);
    }
    world.nothing_is_locked(sim.elapsed());
    drop(sim);
    world
}

fn simulation<'a>(world: &Arc<World>) -> Sim<'a> {
    let plan = &world.plan;
    let mut sim = Builder::new()
        .rng_seed(plan.seed)
        .epoch(SystemTime::UNIX_EPOCH)
        .tick_duration(plan.tick)
        .enable_random_order()
        .simulation_duration(2 * LONGEST_RUN)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(plan.latency)
        .fail_rate(plan.fail_rate)
        .repair_rate(0.2)
        .build();
    let shared = Arc::clone(world);
    sim.host("store", move || serve(Arc::clone(&shared)));
    for worker in 0..plan.workers {
        let shared = Arc::clone(world);
        sim.host(worker_name(worker), move || work(Arc::clone(&shared), worker));
    }
    sim
}

fn step(sim: &mut Sim<'_>, world: &World) {
    world.state().outside = sim.elapsed();
    if let Err(error) = sim.step() {
        world.state().violation(None, format!("a host failed: {error}"));
    }
}
