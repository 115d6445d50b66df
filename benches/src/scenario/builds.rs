//! This build of the library beside an earlier one, for the option `--before`.

use super::cost::{Costs, costs, has_valgrind};
use super::rounds::{Often, Turn, take_turns};
use crate::callgrind::Profile;
use crate::driver::{Start, Worker};
use crate::lab::Lab;
use crate::protocol::{Choice, HitFigures, Hits, Keys};
use crate::report::{Figure, Line, Report, Table};
use crate::subject::Kind;

const KINDS: [Kind; 4] =
    [Kind::Ours, Kind::OursAttribute, Kind::OursMemory, Kind::OursMemoryAttribute];

/// Does nothing without an earlier build.
pub(super) fn run(lab: &Lab, report: &mut Report) {
    if lab.before.is_none() {
        return;
    }
    lab.on_all_cores();
    cost(lab, report);
    lab.on_one_core();
    for (tasks, keys) in [(1, 1), (64, 1), (64, 10_000)] {
        time(lab, report, tasks, Keys { count: keys, bytes: 200 });
    }
}

/// The same worker of the earlier build.
fn before(lab: &Lab, start: &Start) -> Start {
    Start { workers: lab.before.clone(), ..start.clone() }
}

fn instructions(costs: &Costs, of: fn(&Profile) -> f64) -> Option<f64> {
    costs.profile.as_ref().map(of)
}

/// Instructions and allocations of a hit, which need no turns.
fn cost(lab: &Lab, report: &mut Report) {
    let valgrind = has_valgrind();
    let lines = KINDS.into_iter().map(|kind| {
        let server = lab.server();
        let start = lab.start(kind, &server);
        let earlier = costs(lab, &before(lab, &start), &[&server], valgrind);
        let now = costs(lab, &start, &[&server], valgrind);
        Line::new(
            kind.title(),
            vec![
                Figure::new("instructions before", instructions(&earlier, Profile::total)),
                Figure::new("now", instructions(&now, Profile::total)),
                Figure::new(
                    "outside malloc and free before",
                    instructions(&earlier, Profile::outside_the_allocator),
                ),
                Figure::new("now", instructions(&now, Profile::outside_the_allocator)),
                Figure::new("allocations before", earlier.allocations),
                Figure::new("now", now.allocations),
                Figure::new("bytes before", earlier.bytes),
                Figure::new("now", now.bytes),
                Figure::new("commands before", kind.on_redis().then_some(earlier.commands)),
                Figure::new("now", kind.on_redis().then_some(now.commands)),
            ],
        )
    });
    let lines = lines.collect();
    report.add(Table {
        name: "builds-cost".to_owned(),
        title: "One hit of 200 B, before and now".to_owned(),
        ratio_of: String::new(),
        lines,
    });
}

/// The time of a hit. This build runs twice: beside the earlier one, and beside itself, which shows the noise.
fn time(lab: &Lab, report: &mut Report, tasks: u32, keys: Keys) {
    let lines = KINDS.into_iter().map(|kind| {
        // Two builds may have two formats of an entry, so that neither reads what the other has written.
        let servers = [lab.server(), lab.server()];
        let entries = 2 * keys.count as usize; // so that no entry is evicted
        let [earlier, now] =
            servers.each_ref().map(|server| Start { entries, ..lab.start(kind, server) });
        let mut turns = [before(lab, &earlier), now.clone(), now].map(Turn::new);
        let calls = match (kind.on_redis(), tasks) {
            (true, 1) => 1_600,
            (true, _) => 12_800 / tasks,
            (false, _) => 51_200 / tasks,
        };
        let choice = Choice::Zipf;
        let plan = Hits { keys, choice, tasks, calls, threads: 1, each: tasks == 1 };
        let (generations, rounds) = lab.either((2, 2), (10, 8));
        let prepare = |worker: &mut Worker| worker.fill(keys);
        take_turns(&mut turns, Often { generations, rounds }, prepare, |worker, _| {
            worker.hits(plan)
        });
        let call = |figures: &HitFigures| match tasks {
            1 => figures.p50_ns,
            _ => 1e9 / figures.per_second,
        };
        let [earlier, now, again] = &turns;
        let noise = again.ratio(now, call);
        let figures = vec![
            Figure::new("before, ns", earlier.median(call)),
            Figure::new("now, ns", now.median(call)),
            Figure::new("now / itself", noise.median),
            Figure::new("p25", noise.p25),
            Figure::new("p75", noise.p75),
        ];
        Line::new(kind.title(), figures).ratio(now.ratio(earlier, call))
    });
    let lines = lines.collect();
    let who = if tasks == 1 { "one task" } else { "64 tasks" };
    let what = if keys.count == 1 { "one key" } else { "10,000 keys, zipf 1.0" };
    report.add(Table {
        name: format!("builds-{tasks}-{}", keys.count),
        title: format!("A hit of 200 B, before and now: {who}, {what}, one core"),
        ratio_of: "now / before".to_owned(),
        lines,
    });
}
