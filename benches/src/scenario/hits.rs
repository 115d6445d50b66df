//! Hot hits on Redis: one task, 64 on one key, 64 over many keys; three sizes of value.

use super::rounds::{Often, Turn, take_turns};
use crate::driver::Worker;
use crate::lab::Lab;
use crate::protocol::{Choice, HitFigures, Hits, Keys};
use crate::report::{Figure, Limit, Line, Report, Table};
use crate::subject::Kind;

const KINDS: [Kind; 6] =
    [Kind::Floor, Kind::Ours, Kind::OursAttribute, Kind::Cached, Kind::Hitbox, Kind::Python];

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

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_one_core();
    for bytes in [200, 10 << 10, 1 << 20] {
        let server = lab.server();
        let mut turns: Vec<_> = KINDS
            .into_iter()
            .filter(|kind| lab.has(*kind))
            .map(|kind| Turn::new(lab.start(kind, &server)))
            .collect();
        turns.push(Turn::noise(lab.start(Kind::Floor, &server)));
        for case in &CASES {
            measure(lab, report, &mut turns, case, bytes);
        }
    }
}

fn measure(lab: &Lab, report: &mut Report, turns: &mut [Turn], case: &Case, bytes: usize) {
    // There are as many keys as fit, because every subject keeps its own values in the one server.
    let most = lab.either([1_000, 200, 8], [10_000, 10_000, 100]);
    let (size, most, calls) = match bytes {
        0..1_000 => ("200 B", most[0], 12_800),
        1_000..100_000 => ("10 KiB", most[1], 6_400),
        _ => ("1 MiB", most[2], 128),
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
        0..100_000 => lab.either((2, 2), (8, 8)),
        _ => lab.either((1, 2), (8, 3)),
    };
    let often = Often { generations, rounds };
    let prepare = |worker: &mut Worker| worker.fill(keys);
    take_turns(turns, often, prepare, |worker, kind| {
        // Python is 5 to 100 times slower, so it makes a tenth of the calls.
        let share = if kind == Kind::Python { 10 } else { 1 };
        worker.hits(Hits { calls: (plan.calls / share).max(1), ..plan })
    });

    let floor = &turns[0];
    let figure: fn(&HitFigures) -> f64 =
        if case.latency { |figures| figures.p50_ns } else { |figures| figures.per_second };
    let lines = turns
        .iter()
        .enumerate()
        .map(|(place, turn)| {
            let line = Line::new(
                turn.title.clone(),
                vec![
                    Figure::new("p50, us", turn.median(|figures| figures.p50_ns) / 1e3),
                    Figure::new("p99, us", turn.median(|figures| figures.p99_ns) / 1e3),
                    Figure::new("calls/s", turn.median(|figures| figures.per_second)),
                ],
            );
            let line = if place == 0 { line } else { line.ratio(turn.ratio(floor, figure)) };
            line.note(turn.note_of_hits())
        })
        .collect();
    let ratio_of = |kind| {
        let ours = turns.iter().find(|turn| turn.kind == kind).expect("it is in the list");
        ours.ratio(floor, figure).median
    };
    if bytes == 200 {
        match case.name {
            "one-task" => report.target(
                "hit, 1 task, 200 B: p50 against the floor",
                ratio_of(Kind::Ours),
                Limit::AtMost(1.05),
            ),
            "one-key" => report.target(
                "64 tasks on one key, 200 B: throughput of the attribute against the floor",
                ratio_of(Kind::OursAttribute),
                Limit::AtLeast(3.0),
            ),
            _ => report.target(
                "64 tasks over many keys, 200 B: throughput against the floor",
                ratio_of(Kind::Ours),
                Limit::AtLeast(0.95),
            ),
        }
    }
    report.add(Table {
        name: format!("hits-{}-{size}", case.name),
        title: format!(
            "Hot hits, {size}: {}{}, one core",
            case.title,
            if case.keys > 1 { format!(" ({} keys)", keys.count) } else { String::new() }
        ),
        ratio_of: if case.latency { "p50 / floor" } else { "calls/s / floor" }.to_owned(),
        lines,
    });
}
