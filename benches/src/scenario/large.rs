//! Small hits while four tasks of the same process read values of 1 MiB.

use super::rounds::{Often, Turn, take_turns};
use crate::driver::Worker;
use crate::lab::Lab;
use crate::protocol::{Beside, Choice, HitFigures, Hits, Keys};
use crate::report::{Figure, Limit, Line, Report, Table};
use crate::runtime::Runtime;
use crate::statistics::Spread;
use crate::subject::Kind;

const KINDS: [Kind; 5] = [Kind::Floor, Kind::Ours, Kind::Cached, Kind::Hitbox, Kind::Python];
const SMALL: Keys = Keys { count: 1, bytes: 200 };
const LARGE: Keys = Keys { count: 4, bytes: 1 << 20 };

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_one_core();
    measure(
        lab,
        report,
        25,
        Runtime::CurrentThread,
        "each rests 25 ms between two reads, one core",
    );
    // With two threads, one decodes a large value while the other reads small ones.
    lab.on_all_cores();
    measure(lab, report, 0, Runtime::MultiThread(2), "without a rest, two threads, all cores");
}

fn measure(lab: &Lab, report: &mut Report, rest_ms: u64, runtime: Runtime, how: &str) {
    let server = lab.server();
    let start = |kind| {
        let mut start = lab.start(kind, &server);
        start.runtime = runtime;
        start
    };
    let kinds = KINDS.into_iter().filter(|kind| lab.has(*kind));
    let mut turns: Vec<_> = kinds.map(|kind| Turn::new(start(kind))).collect();
    turns.push(Turn::noise(start(Kind::Floor)));

    let calls = if rest_ms == 0 { lab.either(40, 200) } else { lab.either(200, 1_000) };
    let small =
        Hits { keys: SMALL, choice: Choice::Uniform, tasks: 1, calls, threads: 1, each: true };
    let (generations, rounds) = lab.either((1, 2), (6, 5));
    let prepare = |worker: &mut Worker| {
        worker.fill(SMALL);
        worker.fill(LARGE);
    };
    take_turns(&mut turns, Often { generations, rounds }, prepare, |worker, _| {
        let alone = worker.hits(small);
        (alone, worker.beside(Beside { small, large: LARGE, readers: 4, rest_ms }))
    });
    let ratio = |turn: &Turn<(HitFigures, HitFigures)>| {
        Spread::of(turn.all(|(alone, beside)| beside.p50_ns / alone.p50_ns))
    };
    let lines = turns
        .iter()
        .map(|turn| {
            Line::new(
                turn.title.clone(),
                vec![
                    Figure::new("alone, p50, us", turn.median(|(alone, _)| alone.p50_ns) / 1e3),
                    Figure::new("beside, p50, us", turn.median(|(_, beside)| beside.p50_ns) / 1e3),
                    Figure::new("beside, p99, us", turn.median(|(_, beside)| beside.p99_ns) / 1e3),
                ],
            )
            .ratio(ratio(turn))
        })
        .collect();
    report.target(
        format!("small hits beside 4 readers of 1 MiB ({how}): p50 against alone"),
        ratio(&turns[1]).median,
        Limit::AtMost(2.0),
    );
    report.add(Table {
        name: if rest_ms == 0 { "large-2" } else { "large-1" }.to_owned(),
        title: format!("Small hits beside four readers of 1 MiB: {how}"),
        ratio_of: "beside / alone".to_owned(),
        lines,
    });
}
