//! Hot hits on Redis: one task, 64 on one key, 64 over many keys; three sizes of value; on both runtimes.

use cachefence_tests::RedisServer;

use super::rounds::{Often, Turn, take_turns};
use crate::driver::Worker;
use crate::lab::{Lab, commands};
use crate::protocol::{Choice, HitFigures, Hits, Keys};
use crate::report::{Figure, Limit, Line, Report, Table};
use crate::runtime::Runtime;
use crate::subject::Kind;

const KINDS: [Kind; 6] =
    [Kind::Floor, Kind::Ours, Kind::OursAttribute, Kind::Cached, Kind::Hitbox, Kind::Python];

/// A service has the first. Python has a runtime of its own and stands beside the second, which has one thread as well.
const ON_ONE_CORE: [Runtime; 2] = [Runtime::MultiThread(1), Runtime::CurrentThread];

struct Case {
    name: &'static str,
    title: &'static str,
    tasks: u32,
    keys: u32,
    choice: Choice,
    /// Whether latency is compared; if not, throughput is.
    latency: bool,
}

const CASES: [Case; 3] = [
    Case {
        name: "one-task",
        title: "one task, one key",
        tasks: 1,
        keys: 1,
        choice: Choice::Uniform,
        latency: true,
    },
    Case {
        name: "one-key",
        title: "64 tasks on one key",
        tasks: 64,
        keys: 1,
        choice: Choice::Uniform,
        latency: false,
    },
    Case {
        name: "many-keys",
        title: "64 tasks over many keys, zipf 1.0",
        tasks: 64,
        keys: 10_000,
        choice: Choice::Zipf,
        latency: false,
    },
];

/// The figures of one batch, and what the server counted meanwhile.
struct Batch {
    figures: HitFigures,
    commands: f64,
    reads: f64,
}

impl AsRef<HitFigures> for Batch {
    fn as_ref(&self) -> &HitFigures {
        &self.figures
    }
}

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_one_core();
    measure(lab, report, &ON_ONE_CORE, 200, "one core");
    measure(lab, report, &ON_ONE_CORE, 10 << 10, "one core");
    measure(lab, report, &ON_ONE_CORE[..1], 1 << 20, "one core");
    if lab.cores() > 1 {
        lab.on_all_cores();
        measure(lab, report, &[Runtime::MultiThread(2)], 200, "all cores");
    } else {
        report.left_out.push("hits, two worker threads: there is one core".to_owned());
    }
}

/// Measures every case with values of one size, all runtimes in the same rounds.
fn measure(lab: &Lab, report: &mut Report, runtimes: &[Runtime], bytes: usize, cores: &str) {
    let server = lab.server();
    let start = |kind, runtime| {
        let mut start = lab.start(kind, &server);
        start.runtime = runtime;
        start
    };
    let mut turns = Vec::new();
    for &runtime in runtimes {
        let kinds = KINDS.into_iter().filter(|&kind| match kind {
            Kind::Python => lab.has(kind) && runtime == Runtime::CurrentThread,
            _ => true,
        });
        turns.extend(kinds.map(|kind| Turn::new(start(kind, runtime))));
        turns.push(Turn::noise(start(Kind::Floor, runtime)));
    }
    for case in &CASES {
        let keys = take(lab, &server, &mut turns, case, bytes);
        for turns in turns.chunk_by(|one, next| one.runtime() == next.runtime()) {
            tell(report, turns, case, keys, cores);
        }
    }
}

/// Has every subject take its turns. Returns the keys that it read.
fn take(
    lab: &Lab,
    server: &RedisServer,
    turns: &mut [Turn<Batch>],
    case: &Case,
    bytes: usize,
) -> Keys {
    // There are as many keys as fit, because every subject keeps its own values in the one server.
    let most = lab.either([1_000, 200, 8], [10_000, 10_000, 100]);
    let (most, calls) = match bytes {
        0..1_000 => (most[0], 12_800),
        1_000..100_000 => (most[1], 6_400),
        _ => (most[2], 128),
    };
    let keys = Keys { count: case.keys.min(most), bytes };
    let calls = match case.tasks {
        1 => calls / lab.either(64, 8),
        tasks => calls / lab.either(4, 1) / tasks,
    };
    let plan = Hits {
        keys,
        choice: case.choice,
        tasks: case.tasks,
        calls: calls.max(1),
        threads: 1,
        each: true,
    };
    for turn in turns.iter_mut() {
        turn.rounds.clear();
    }
    let (generations, rounds) = match bytes {
        0..100_000 => lab.either((2, 2), (5, 6)),
        _ => lab.either((1, 2), (5, 3)),
    };
    let prepare = |worker: &mut Worker| worker.fill(keys);
    take_turns(turns, Often { generations, rounds }, prepare, |worker, kind| {
        // Python is 5 to 100 times slower, so it makes a tenth of the calls.
        let share = if kind == Kind::Python { 10 } else { 1 };
        let plan = Hits { calls: (plan.calls / share).max(1), ..plan };
        server.reset_stats();
        let figures = worker.hits(plan);
        let commands = commands(server) as f64 / f64::from(plan.tasks * plan.calls);
        let reads = server.info("stats", "total_reads_processed") as f64
            / f64::from(plan.tasks * plan.calls);
        Batch { figures, commands, reads }
    });
    keys
}

/// Adds the table of one runtime.
fn tell(report: &mut Report, turns: &[Turn<Batch>], case: &Case, keys: Keys, cores: &str) {
    let floor = &turns[0];
    let runtime = floor.runtime();
    let figure: fn(&Batch) -> f64 =
        if case.latency { |batch| batch.figures.p50_ns } else { |batch| batch.figures.per_second };
    let lines = turns
        .iter()
        .enumerate()
        .map(|(place, turn)| {
            let line = Line::new(
                turn.title.clone(),
                vec![
                    Figure::new("p50, us", turn.median(|batch| batch.figures.p50_ns) / 1e3),
                    Figure::new("p99, us", turn.median(|batch| batch.figures.p99_ns) / 1e3),
                    Figure::new("calls/s", turn.median(|batch| batch.figures.per_second)),
                    Figure::new("commands per call", turn.median(|batch| batch.commands)),
                    Figure::new(
                        "commands per read of the server",
                        turn.median(|batch| batch.commands / batch.reads),
                    ),
                ],
            );
            let line = if place == 0 { line } else { line.ratio(turn.ratio(floor, figure)) };
            line.note(turn.note_of_hits())
        })
        .collect();
    if keys.bytes == 200 && cores == "one core" {
        let ratio_of = |kind| {
            let ours = turns.iter().find(|turn| turn.kind == kind).expect("it is in the list");
            ours.ratio(floor, figure).median
        };
        let (what, ratio, limit) = match case.name {
            "one-task" => (
                "hit, 1 task, 200 B: p50 against the floor",
                ratio_of(Kind::Ours),
                Limit::AtMost(1.05),
            ),
            "one-key" => (
                "64 tasks on one key, 200 B: throughput of the attribute against the floor",
                ratio_of(Kind::OursAttribute),
                Limit::AtLeast(3.0),
            ),
            _ => (
                "64 tasks over many keys, 200 B: throughput against the floor",
                ratio_of(Kind::Ours),
                Limit::AtLeast(0.95),
            ),
        };
        report.target(format!("{what}, {}", runtime.title()), ratio, limit);
    }
    let size = match keys.bytes {
        0..1_000 => "200 B",
        1_000..100_000 => "10 KiB",
        _ => "1 MiB",
    };
    report.add(Table {
        name: format!("hits-{}-{}-{size}", runtime.name(), case.name),
        title: format!(
            "Hot hits, {size}: {}{}, {}, {cores}",
            case.title,
            if case.keys > 1 { format!(" ({} keys)", keys.count) } else { String::new() },
            runtime.title(),
        ),
        ratio_of: if case.latency { "p50 / floor" } else { "calls/s / floor" }.to_owned(),
        lines,
    });
}
