//! Several processes with 50 callers each, for one cold key with a load of 200 ms.

use crate::driver::Worker;
use crate::lab::{Lab, commands};
use crate::protocol::{Burst, Command};
use crate::report::{Figure, Limit, Line, Report, Table};
use crate::statistics::{median, percentile, sorted};
use crate::subject::Kind;

const KINDS: [Kind; 5] = [Kind::Floor, Kind::Ours, Kind::Cached, Kind::Hitbox, Kind::Python];

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_all_cores();
    for processes in [4, 8] {
        fleet(lab, report, processes);
    }
}

/// The figures of one round, over all callers of all processes.
struct Round {
    loads: f64,
    commands: f64,
    p50_ms: f64,
    p99_ms: f64,
}

fn fleet(lab: &Lab, report: &mut Report, processes: usize) {
    let lines: Vec<_> = KINDS
        .into_iter()
        .filter(|kind| lab.has(*kind))
        .map(|kind| {
            let rounds = rounds(lab, kind, processes);
            let of = |figure: fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<_>>();
            let p50 = sorted(of(|round| round.p50_ms));
            let p99 = sorted(of(|round| round.p99_ms));
            let most = of(|round| round.commands).into_iter().fold(0.0, f64::max);
            Line::new(
                kind.title(),
                vec![
                    Figure::new("loads", median(&of(|round| round.loads))),
                    Figure::new("commands", median(&of(|round| round.commands))),
                    Figure::new("commands, most", most),
                    Figure::new("p50 over the load, ms", percentile(&p50, 0.5)),
                    Figure::new("p25 - ", percentile(&p50, 0.25)),
                    Figure::new("p75 of it", percentile(&p50, 0.75)),
                    Figure::new("p99 over the load, ms", percentile(&p99, 0.5)),
                    Figure::new("p25 -", percentile(&p99, 0.25)),
                    Figure::new("p75", percentile(&p99, 0.75)),
                ],
            )
            .note(kind.note())
        })
        .collect();
    if processes == 4 {
        let figure = |name| lines[1].figure(name).unwrap_or(f64::NAN);
        let (p50, p99) = (figure("p50 over the load, ms"), figure("p99 over the load, ms"));
        report.target("4 x 50 callers: loads", figure("loads"), Limit::AtMost(1.0));
        report.target("4 x 50 callers: p50 over the load, ms", p50, Limit::AtMost(1.0));
        report.target("4 x 50 callers: p99 over the load, ms", p99, Limit::AtMost(4.0));
        report.target("4 x 50 callers: commands", figure("commands"), Limit::AtMost(36.0));
    }
    report.add(Table {
        name: format!("fleet-{processes}"),
        title: format!("A fleet: {processes} processes of 50 callers, one cold key, a load of 200 ms, all cores"),
        ratio_of: String::new(),
        lines,
    });
}

fn rounds(lab: &Lab, kind: Kind, processes: usize) -> Vec<Round> {
    let server = lab.server();
    let mut workers: Vec<_> = (0..processes).map(|_| lab.worker(kind, &server)).collect();
    (0..lab.either(2, 15))
        .map(|round| {
            server.reset_stats();
            let burst = Burst {
                key: format!("fleet-{round}"),
                callers: 50,
                load_ms: 200,
                fails: false,
                announces: false,
                weigh_after_ms: None,
            };
            for worker in &mut workers {
                worker.tell(&Command::Burst(burst.clone()));
            }
            let figures: Vec<_> = workers.iter_mut().map(Worker::burst_figures).collect();
            // The load itself takes a little longer than it is told to, which is not the cache's doing and is subtracted.
            let loads: Vec<_> =
                figures.iter().flat_map(|figures| figures.load_ms.clone()).collect();
            let load = median(&loads);
            let over = figures.iter().flat_map(|figures| &figures.calls_ms).map(|call| call - load);
            let over = sorted(over.collect());
            Round {
                loads: figures.iter().map(|figures| figures.loads).sum::<u64>() as f64,
                commands: commands(&server) as f64,
                p50_ms: percentile(&over, 0.5),
                p99_ms: percentile(&over, 0.99),
            }
        })
        .collect()
}
