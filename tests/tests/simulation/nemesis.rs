//! Who makes the trouble.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use turmoil::Sim;

use crate::dice::Dice;
use crate::journal::What;
use crate::plan::Plan;
use crate::world::World;

const STORE: &str = "store";

/// The longest that a message is under way once the trouble is over.
const CALM_LATENCY: Duration = Duration::from_millis(120);

/// A host, as turmoil knows it.
pub(crate) fn worker_name(worker: usize) -> String {
    format!("worker{worker}")
}

pub(crate) struct Nemesis {
    world: Arc<World>,
    due: VecDeque<(Duration, Deed)>,
}

#[derive(Debug, Clone)]
enum Deed {
    /// Messages between a worker and the store are lost,
    Cut(String),
    /// only those to the store,
    CutRequests(String),
    /// only those from it;
    CutReplies(String),
    /// or they are kept, and delivered in the end.
    Hold(String),
    /// The network is as it should be again.
    Mend(String),
    /// Messages take up to so long.
    Slow(String, Duration),
    Crash(String),
    Restart(String),
    /// No message breaks a link any more.
    Spare,
}

impl Nemesis {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        let plan = &world.plan;
        let mut dice = Dice::new(plan.seed, &[2]);
        let longest_gap = dice.pick(&[200, 800, 2_000].map(Duration::from_millis));
        let mut due = Vec::new();
        let mut now = Duration::ZERO;
        loop {
            now += dice.millis(Duration::ZERO..=longest_gap);
            if plan.only_failures || now >= plan.chaos {
                break;
            }
            let (begin, end) = trouble(plan, &mut dice);
            let lasts = dice.millis(Duration::from_millis(5)..=Duration::from_millis(900));
            due.push((now, begin));
            due.push(((now + lasts).min(plan.chaos), end));
        }
        for worker in 0..plan.workers {
            let worker = worker_name(worker);
            due.push((plan.chaos, Deed::Mend(worker.clone())));
            // A call that reads, asks for the lease and stores has time for all three.
            due.push((plan.chaos, Deed::Slow(worker, plan.latency.min(CALM_LATENCY))));
        }
        due.push((plan.chaos, Deed::Spare));
        due.sort_by_key(|(at, _)| *at);
        Self { world: Arc::clone(world), due: due.into() }
    }

    /// Does what is due.
    pub(crate) fn act(&mut self, sim: &mut Sim<'_>) {
        while self.due.front().is_some_and(|(at, _)| *at <= sim.elapsed())
            && let Some((_, deed)) = self.due.pop_front()
        {
            let mut state = self.world.state();
            state.stats.troubles += 1;
            state.log(None, What::Nemesis(format!("{deed:?}")));
            drop(state);
            deed.on(sim);
        }
    }
}

fn trouble(plan: &Plan, dice: &mut Dice) -> (Deed, Deed) {
    let worker = worker_name(dice.index(plan.workers));
    match dice.number(0..=99) {
        0..15 => (Deed::Cut(worker.clone()), Deed::Mend(worker)),
        15..25 => (Deed::CutRequests(worker.clone()), Deed::Mend(worker)),
        25..40 => (Deed::CutReplies(worker.clone()), Deed::Mend(worker)),
        40..65 => (Deed::Hold(worker.clone()), Deed::Mend(worker)),
        65..80 => {
            let slow = dice.millis(Duration::from_millis(200)..=Duration::from_millis(900));
            (Deed::Slow(worker.clone(), slow), Deed::Slow(worker, plan.latency))
        }
        80..90 => (Deed::Crash(STORE.to_owned()), Deed::Restart(STORE.to_owned())),
        _ => (Deed::Crash(worker.clone()), Deed::Restart(worker)),
    }
}

impl Deed {
    fn on(self, sim: &mut Sim<'_>) {
        match self {
            Self::Cut(worker) => sim.partition(worker, STORE),
            Self::CutRequests(worker) => sim.partition_oneway(worker, STORE),
            Self::CutReplies(worker) => sim.partition_oneway(STORE, worker),
            Self::Hold(worker) => sim.hold(worker, STORE),
            Self::Mend(worker) => sim.release(worker, STORE),
            Self::Slow(worker, longest) => {
                sim.set_link_max_message_latency(worker, STORE, longest);
            }
            Self::Crash(host) => sim.crash(host),
            Self::Restart(host) => {
                if !sim.is_host_running(host.as_str()) {
                    sim.bounce(host);
                }
            }
            Self::Spare => sim.set_fail_rate(0.0),
        }
    }
}
