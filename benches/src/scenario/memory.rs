//! Hits in memory: what a call costs, and how many more calls two threads make than one.

use super::rounds::{Often, Turn, take_turns};
use crate::driver::{Start, Worker};
use crate::lab::Lab;
use crate::protocol::{Choice, HitFigures, Hits, Keys};
use crate::report::{Figure, Limit, Line, Report, Table};
use crate::runtime::Runtime;
use crate::statistics::{Spread, median};
use crate::subject::Kind;

const KINDS: [Kind; 5] =
    [Kind::Quick, Kind::OursMemory, Kind::OursMemoryAttribute, Kind::CachedMemory, Kind::Moka];
const KEYS: Keys = Keys { count: 1_000, bytes: 200 };

pub(super) fn run(lab: &Lab, report: &mut Report) {
    one_thread(lab, report);
    if lab.cores() > 1 {
        two_threads(lab, report);
    } else {
        report.left_out.push("memory, two threads: there is one core".to_owned());
    }
}

fn plan(lab: &Lab, threads: u32) -> Hits {
    Hits {
        keys: KEYS,
        choice: Choice::Uniform,
        tasks: 1,
        calls: lab.either(20_000, 50_000),
        threads,
        each: false,
    }
}

/// The kinds and the floor again, on a runtime.
fn turns<R>(lab: &Lab, runtime: Runtime) -> Vec<Turn<R>> {
    let server = lab.server(); // a worker has to be given a URL, although nothing here connects to it
    let start = |kind| Start { runtime, ..lab.start(kind, &server) };
    let mut turns: Vec<_> = KINDS.into_iter().map(|kind| Turn::new(start(kind))).collect();
    turns.push(Turn::noise(start(Kind::Quick)));
    turns
}

fn often(lab: &Lab) -> Often {
    let (generations, rounds) = lab.either((2, 5), (8, 6));
    Often { generations, rounds }
}

fn prepare(worker: &mut Worker) {
    worker.fill(KEYS);
}

fn one_thread(lab: &Lab, report: &mut Report) {
    lab.on_one_core();
    let mut turns = [Runtime::MultiThread(1), Runtime::CurrentThread]
        .map(|runtime| turns(lab, runtime))
        .concat();
    take_turns(&mut turns, often(lab), prepare, |worker, _| worker.hits(plan(lab, 1)));
    for turns in turns.chunk_by(|one, next| one.runtime() == next.runtime()) {
        tell(report, turns);
    }
}

/// Adds the table of one runtime.
fn tell(report: &mut Report, turns: &[Turn]) {
    let floor = &turns[0];
    let runtime = floor.runtime();
    let lines = turns
        .iter()
        .enumerate()
        .map(|(place, turn)| {
            let figures = vec![Figure::new("a call, ns", turn.median(|figures| figures.p50_ns))];
            let line = Line::new(turn.title.clone(), figures);
            let line = if place == 0 {
                line
            } else {
                line.ratio(turn.ratio(floor, |figures| figures.p50_ns))
            };
            line.note(turn.note_of_hits())
        })
        .collect();
    report.target(
        format!("memory hit against quick_cache get + decode, {}", runtime.title()),
        turns[1].ratio(floor, |figures| figures.p50_ns).median,
        Limit::AtMost(1.3),
    );
    let (engine, attribute) = (turns[1].all(|f| f.p50_ns), turns[2].all(|f| f.p50_ns));
    let added: Vec<_> =
        attribute.iter().zip(&engine).map(|(with, without)| with - without).collect();
    report.target(
        format!("the attribute adds to a memory hit, ns, {}", runtime.title()),
        median(&added),
        Limit::AtMost(100.0),
    );
    report.add(Table {
        name: format!("memory-{}", runtime.name()),
        title: format!("Hits in memory, 200 B, 1,000 keys, {}, one core", runtime.title()),
        ratio_of: "a call / floor".to_owned(),
        lines,
    });
}

fn two_threads(lab: &Lab, report: &mut Report) {
    lab.on_all_cores();
    let mut turns: Vec<Turn<(HitFigures, HitFigures)>> = turns(lab, Runtime::CurrentThread);
    take_turns(&mut turns, often(lab), prepare, |worker, _| {
        (worker.hits(plan(lab, 1)), worker.hits(plan(lab, 2)))
    });
    let scaling = |turn: &Turn<(HitFigures, HitFigures)>| {
        Spread::of(turn.all(|(one, two)| two.per_second / one.per_second))
    };
    let lines = turns
        .iter()
        .map(|turn| {
            Line::new(
                turn.title.clone(),
                vec![
                    Figure::new("1 thread, calls/s", turn.median(|(one, _)| one.per_second)),
                    Figure::new("2 threads, calls/s", turn.median(|(_, two)| two.per_second)),
                ],
            )
            .ratio(scaling(turn))
        })
        .collect();
    let ours = scaling(&turns[1]).median;
    report.target("memory hits, 2 threads against 1", ours, Limit::AtLeast(1.7));
    report.add(Table {
        name: "memory-threads".to_owned(),
        title: "Hits in memory, 200 B, 1,000 keys, one and two threads".to_owned(),
        ratio_of: "2 threads / 1".to_owned(),
        lines,
    });
}
