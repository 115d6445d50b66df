//! Many callers of one process at once for a key that is not cached, with a load of 50 ms.

use crate::driver::Under;
use crate::lab::{Lab, commands};
use crate::protocol::{Burst, BurstFigures};
use crate::report::{Figure, Limit, Line, Report, Table};
use crate::statistics::{Spread, median};
use crate::subject::Kind;

const KINDS: [Kind; 9] = [
    Kind::Floor,
    Kind::Ours,
    Kind::Cached,
    Kind::Hitbox,
    Kind::Python,
    Kind::OursMemory,
    Kind::Quick,
    Kind::CachedMemory,
    Kind::Moka,
];

/// The figures of a burst, and how many commands it cost.
type Costs = (BurstFigures, f64);

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_one_core();
    for callers in [500, 10_000] {
        stampede(lab, report, callers);
    }
    growth(lab, report);
}

fn burst(key: String, callers: u32) -> Burst {
    Burst { key, callers, load_ms: 50, fails: false, announces: false, weigh_after_ms: None }
}

/// Runs a burst of every kind in turns, `rounds` times.
fn measure(lab: &Lab, kinds: &[Kind], callers: u32, rounds: usize) -> Vec<(Kind, Vec<Costs>)> {
    let server = lab.server();
    let mut all: Vec<_> = kinds
        .iter()
        .filter(|kind| lab.has(**kind))
        .map(|&kind| (kind, lab.worker(kind, &server), Vec::new()))
        .collect();
    for round in 0..rounds {
        for (_, worker, costs) in &mut all {
            server.reset_stats();
            let figures = worker.burst(burst(format!("cold-{callers}-{round}"), callers));
            costs.push((figures, commands(&server) as f64));
        }
    }
    all.into_iter().map(|(kind, _, costs)| (kind, costs)).collect()
}

fn stampede(lab: &Lab, report: &mut Report, callers: u32) {
    let all = measure(lab, &KINDS, callers, lab.either(1, 10));
    let lines = all
        .iter()
        .map(|(kind, costs)| {
            let served = of(costs, |figures| figures.served_ms.unwrap_or(f64::NAN));
            // The short pass weighs the larger crowd only.
            let weighed = *kind != Kind::Python && (callers > 500 || !lab.quick);
            let bytes = weighed.then(|| weigh(lab, *kind, callers));
            Line::new(
                kind.title(),
                vec![
                    Figure::new("loads", median(&of(costs, |figures| figures.loads as f64))),
                    Figure::new("commands", kind.on_redis().then(|| commands_of(costs))),
                    Figure::new("all served after the load, ms", median(&served)),
                    Figure::new("p25, ms", Spread::of(served.clone()).p25),
                    Figure::new("p75, ms", Spread::of(served).p75),
                    Figure::new("CPU, ms", median(&of(costs, |figures| figures.cpu_ms))),
                    Figure::new("bytes per waiting caller", bytes),
                    Figure::new("errors", median(&of(costs, |figures| figures.errors as f64))),
                ],
            )
            .note(kind.note())
        })
        .collect::<Vec<_>>();
    let ours = all.iter().position(|(kind, _)| *kind == Kind::Ours).expect("it is in the list");
    if callers == 10_000 {
        let figure = |name| lines[ours].figure(name).unwrap_or(f64::NAN);
        report.target("cold, 10,000 callers: loads", figure("loads"), Limit::AtMost(1.0));
        report.target("cold, 10,000 callers: commands", figure("commands"), Limit::AtMost(8.0));
        let served = figure("all served after the load, ms");
        report.target(
            "cold, 10,000 callers: all served after the load, ms",
            served,
            Limit::AtMost(30.0),
        );
        let bytes = figure("bytes per waiting caller");
        report.target(
            "cold, 10,000 callers: bytes per waiting caller",
            bytes,
            Limit::AtMost(1024.0),
        );
    }
    report.add(Table {
        name: format!("cold-{callers}"),
        title: format!(
            "Cold stampede: {} callers, a load of 50 ms, one process, one core",
            crate::report::grouped(callers)
        ),
        ratio_of: String::new(),
        lines,
    });
}

fn of(costs: &[Costs], figure: fn(&BurstFigures) -> f64) -> Vec<f64> {
    costs.iter().map(|(figures, _)| figure(figures)).collect()
}

fn commands_of(costs: &[Costs]) -> f64 {
    median(&costs.iter().map(|(_, commands)| *commands).collect::<Vec<_>>())
}

/// The bytes that a caller holds while it waits, its task included.
fn weigh(lab: &Lab, kind: Kind, callers: u32) -> f64 {
    let server = lab.server();
    let mut start = lab.start(kind, &server);
    start.under = Under::Counted;
    let figures = start.spawn().burst(Burst {
        load_ms: lab.either(800, 2_000),
        weigh_after_ms: Some(lab.either(600, 1_200)),
        ..burst("weighed".to_owned(), callers)
    });
    figures.bytes_per_caller.expect("this worker counts")
}

/// What one process pays for one cold key as its callers grow.
fn growth(lab: &Lab, report: &mut Report) {
    let kinds = [
        Kind::Floor,
        Kind::Ours,
        Kind::Cached,
        Kind::Hitbox,
        Kind::OursMemory,
        Kind::CachedMemory,
        Kind::Moka,
    ];
    let mut lines = Vec::new();
    let crowds: &[u32] = lab.either(&[10, 1_000], &[10, 100, 1_000, 10_000]);
    for &callers in crowds {
        for (kind, costs) in measure(lab, &kinds, callers, lab.either(1, 10)) {
            let served = of(&costs, |figures| figures.served_ms.unwrap_or(f64::NAN));
            lines.push(Line::new(
                kind.title(),
                vec![
                    Figure::new("callers", f64::from(callers)),
                    Figure::new("loads", median(&of(&costs, |figures| figures.loads as f64))),
                    Figure::new("commands", kind.on_redis().then(|| commands_of(&costs))),
                    Figure::new("all served after the load, ms", median(&served)),
                    Figure::new("CPU, ms", median(&of(&costs, |figures| figures.cpu_ms))),
                ],
            ));
        }
    }
    report.add(Table {
        name: "growth-callers".to_owned(),
        title: "What one process pays for one cold key as its callers grow".to_owned(),
        ratio_of: String::new(),
        lines,
    });
}
