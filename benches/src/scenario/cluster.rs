//! A cluster beside one server, and beside the client's own connection to a cluster.

use cachefence_tests::{RedisCluster, RedisServer};

use super::cost::{Costs, costs, has_valgrind};
use super::rounds::{Often, Turn, take_turns};
use crate::callgrind::Profile;
use crate::driver::{Start, Worker};
use crate::lab::Lab;
use crate::protocol::{Burst, Choice, HitFigures, Hits, Keys};
use crate::report::{Figure, Limit, Line, Report, Table, grouped};
use crate::runtime::Runtime;
use crate::statistics::median;
use crate::subject::Kind;

const ON_ONE_CORE: [Runtime; 2] = [Runtime::MultiThread(1), Runtime::CurrentThread];

/// How many times the cost of a hit on one server a hit on a cluster may have.
const MOST: Limit = Limit::AtMost(1.10);

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_one_core();
    one_by_one(lab, report);
    many_keys(lab, report, &ON_ONE_CORE, "one core");
    if lab.cores() > 1 {
        lab.on_all_cores();
        many_keys(lab, report, &[Runtime::MultiThread(2)], "all cores");
    }
    lab.on_one_core();
    cold_loads(lab, report);
    lab.on_all_cores();
    cost(lab, report);
}

/// One server and a cluster of three.
struct Both {
    server: RedisServer,
    cluster: RedisCluster,
}

impl Both {
    fn start(lab: &Lab) -> Self {
        Self { server: lab.server(), cluster: lab.cluster() }
    }

    /// The servers that this subject uses.
    fn of(&self, kind: Kind) -> Vec<&RedisServer> {
        match kind {
            Kind::ClusterFloor | Kind::OursCluster => self.cluster.nodes().collect(),
            _ => vec![&self.server],
        }
    }

    /// How to start a worker.
    fn worker(&self, lab: &Lab, kind: Kind, runtime: Runtime) -> Start {
        Start { runtime, ..lab.start(kind, self.of(kind)[0]) }
    }
}

/// Hits one by one, on a cluster and on one server in turns.
fn one_by_one(lab: &Lab, report: &mut Report) {
    let keys = Keys { count: 1_000, bytes: 200 };
    let calls = lab.either(200, 1_600);
    let plan = Hits { keys, choice: Choice::Uniform, tasks: 1, calls, threads: 1, each: true };
    let both = Both::start(lab);
    for runtime in ON_ONE_CORE {
        let turn = |kind| Turn::new(both.worker(lab, kind, runtime));
        let again = turn(Kind::Ours).titled("the one server again (noise)");
        let mut turns = [turn(Kind::Ours), turn(Kind::OursCluster), again];
        take(lab, &mut turns, plan);
        let p50 = |figures: &HitFigures| figures.p50_ns;
        let ratio = turns[1].ratio(&turns[0], p50).median;
        let what = "hit on a cluster, 1 task: p50 against one server";
        report.target(format!("{what}, {}", runtime.title()), ratio, MOST);
        report.add(Table {
            name: format!("cluster-hit-{}", runtime.name()),
            title: format!(
                "Hits on a cluster of three and on one server, 200 B: one task, 1,000 keys drawn evenly, {}, one core",
                runtime.title()
            ),
            ratio_of: "p50 / one server".to_owned(),
            lines: lines(&turns, p50),
        });
    }
}

/// Hits of 64 tasks, beside those of the client's own connection to a cluster.
fn many_keys(lab: &Lab, report: &mut Report, runtimes: &[Runtime], cores: &str) {
    let keys = Keys { count: lab.either(1_000, 10_000), bytes: 200 };
    let calls = lab.either(50, 200);
    let plan = Hits { keys, choice: Choice::Zipf, tasks: 64, calls, threads: 1, each: true };
    let both = Both::start(lab);
    for &runtime in runtimes {
        let turn = |kind| Turn::new(both.worker(lab, kind, runtime));
        let again = Turn::noise(both.worker(lab, Kind::ClusterFloor, runtime));
        let mut turns =
            [turn(Kind::ClusterFloor), turn(Kind::OursCluster), again, turn(Kind::Ours)];
        take(lab, &mut turns, plan);
        report.add(Table {
            name: format!("cluster-many-{}", runtime.name()),
            title: format!(
                "Hits on a cluster of three, 200 B: 64 tasks over many keys, zipf 1.0 ({} keys), {}, {cores}",
                grouped(keys.count),
                runtime.title()
            ),
            ratio_of: "calls/s / floor".to_owned(),
            lines: lines(&turns, |figures| figures.per_second),
        });
    }
}

fn take(lab: &Lab, turns: &mut [Turn], plan: Hits) {
    let (generations, rounds) = lab.either((2, 2), (5, 6));
    let prepare = |worker: &mut Worker| worker.fill(plan.keys);
    take_turns(turns, Often { generations, rounds }, prepare, |worker, _| worker.hits(plan));
}

/// The figures of each turn, and the ratio of one of them to that of the first turn.
fn lines(turns: &[Turn], figure: fn(&HitFigures) -> f64) -> Vec<Line> {
    let lines = turns.iter().enumerate().map(|(place, turn)| {
        let line = Line::new(
            turn.title.clone(),
            vec![
                Figure::new("p50, us", turn.median(|figures| figures.p50_ns) / 1e3),
                Figure::new("p99, us", turn.median(|figures| figures.p99_ns) / 1e3),
                Figure::new("calls/s", turn.median(|figures| figures.per_second)),
            ],
        );
        if place == 0 { line } else { line.ratio(turn.ratio(&turns[0], figure)) }
    });
    lines.collect()
}

/// The commands of a cold load.
fn cold_loads(lab: &Lab, report: &mut Report) {
    const CROWDS: [(u32, &str); 2] = [(1, "1 caller"), (10_000, "10,000 callers")];
    let both = Both::start(lab);
    let lines = [Kind::Ours, Kind::OursCluster].map(|kind| {
        let servers = both.of(kind);
        let mut worker = both.worker(lab, kind, Runtime::CurrentThread).spawn();
        let mut load = |key: String, callers| {
            for server in &servers {
                server.reset_stats();
            }
            let (load_ms, fails, announces, weigh_after_ms) = (50, false, false, None);
            let burst = Burst { key, callers, load_ms, fails, announces, weigh_after_ms };
            let figures = worker.burst(burst);
            assert_eq!((figures.loads, figures.errors), (1, 0), "{}", kind.title());
            servers.iter().map(|server| commands_of_a_load(server)).sum::<u64>() as f64
        };
        // Every node is asked before, so that no connection is made and no script is sent where commands are counted.
        (0..32).for_each(|number| _ = load(format!("first-{number}"), 2));
        let figures = CROWDS.map(|(callers, name)| {
            let loads = 0..lab.either(4, 32);
            let counts: Vec<_> =
                loads.map(|number| load(format!("cold-{callers}-{number}"), callers)).collect();
            Figure::new(name, median(&counts))
        });
        Line::new(kind.title(), figures.into())
    });
    for (_, name) in CROWDS {
        let [single, cluster] =
            [&lines[0], &lines[1]].map(|line| line.figure(name).unwrap_or(f64::NAN));
        let what = format!("cold load on a cluster, {name}: commands more than on one server");
        report.target(what, cluster - single, Limit::AtMost(0.0));
    }
    report.add(Table {
        name: "cluster-cold".to_owned(),
        title: "Commands of a cold load, on a cluster of three and on one server, without `TIME`"
            .to_owned(),
        ratio_of: String::new(),
        lines: lines.into(),
    });
}

/// The commands that a server has counted, without `TIME`, which each server is asked for once a second.
fn commands_of_a_load(server: &RedisServer) -> u64 {
    let counts = server.command_stats().into_iter();
    counts.filter(|(command, _)| command != "time").map(|(_, count)| count).sum()
}

/// The instructions, allocations and commands of a hit.
fn cost(lab: &Lab, report: &mut Report) {
    let both = Both::start(lab);
    let valgrind = has_valgrind();
    let measured = [Kind::Ours, Kind::OursCluster].map(|kind| {
        let start = both.worker(lab, kind, Runtime::CurrentThread);
        costs(lab, &start, &both.of(kind), valgrind)
    });
    let of = |costs: &Costs, figure: fn(&Profile) -> f64| costs.profile.as_ref().map(figure);
    let lines = measured.iter().map(|costs| {
        let figures = vec![
            Figure::new("instructions", of(costs, Profile::total)),
            Figure::new(
                "of them outside malloc and free",
                of(costs, Profile::outside_the_allocator),
            ),
            Figure::new("allocations", costs.allocations),
            Figure::new("bytes allocated", costs.bytes),
            Figure::new("commands", costs.commands),
        ];
        Line::new(costs.kind.title(), figures)
    });
    report.add(Table {
        name: "cluster-cost".to_owned(),
        title: "One hit of 200 B, one task, on a cluster of three and on one server".to_owned(),
        ratio_of: String::new(),
        lines: lines.collect(),
    });
    let [single, cluster] = measured.map(|costs| costs.profile);
    let (Some(single), Some(cluster)) = (single, cluster) else { return };
    let ratio = cluster.outside_the_allocator() / single.outside_the_allocator();
    report.target(
        "hit on a cluster: instructions outside malloc and free against one server",
        ratio,
        MOST,
    );
    let beyond = cluster.less(&single).top(lab.either(12, 24)).into_iter();
    let lines = beyond.map(|(function, instructions)| {
        Line::new(format!("`{function}`"), vec![Figure::new("instructions", instructions)])
    });
    report.add(Table {
        name: "cluster-beyond".to_owned(),
        title: "What a hit on a cluster executes beyond a hit on one server, function by function"
            .to_owned(),
        ratio_of: String::new(),
        lines: lines.collect(),
    });
}
