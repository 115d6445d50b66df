//! Two faults: the process that runs the load is killed, and the load fails.

use std::time::Instant;

use crate::lab::Lab;
use crate::protocol::{Burst, Command, Said};
use crate::report::{Figure, Line, Report, Table};
use crate::statistics::median;
use crate::subject::Kind;

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_all_cores();
    killed(lab, report);
    lab.on_one_core();
    failing(lab, report);
}

/// Measures only the kinds whose callers wait for a load of another process, because no others can be left waiting.
fn killed(lab: &Lab, report: &mut Report) {
    let kinds = [Kind::Ours, Kind::Python];
    let lines = kinds
        .into_iter()
        .filter(|kind| lab.has(*kind))
        .map(|kind| {
            let rounds: Vec<_> =
                (0..lab.either(1, 5)).map(|round| kill_the_holder(lab, kind, round)).collect();
            let of = |part: fn(&(f64, f64, f64)) -> f64| {
                median(&rounds.iter().map(part).collect::<Vec<_>>())
            };
            Line::new(
                kind.title(),
                vec![
                    Figure::new("longest wait after the kill, ms", of(|(longest, ..)| *longest)),
                    Figure::new("loads of the others", of(|(_, loads, _)| *loads)),
                    Figure::new("errors", of(|(.., errors)| *errors)),
                ],
            )
            .note(match kind {
                Kind::Ours => "lock_timeout 2 s, wait_for_lock 5 s: its defaults",
                _ => "lock_timeout 10 s, wait_for_lock 5 s: its defaults",
            })
        })
        .collect();
    report.add(Table {
        name: "killed".to_owned(),
        title: "The holder of the lock is killed (SIGKILL) while 50 callers of another process wait; a load of 200 ms"
            .to_owned(),
        ratio_of: String::new(),
        lines,
    });
}

fn kill_the_holder(lab: &Lab, kind: Kind, round: usize) -> (f64, f64, f64) {
    let server = lab.server();
    let (mut holder, mut others) = (lab.worker(kind, &server), lab.worker(kind, &server));
    let burst = Burst {
        key: format!("killed-{round}"),
        callers: 1,
        load_ms: 20_000,
        fails: false,
        announces: true,
        weigh_after_ms: None,
    };
    holder.tell(&Command::Burst(burst.clone()));
    assert!(matches!(holder.hear(), Said::Loading), "its load begins first");
    let begun = Instant::now();
    others.tell(&Command::Burst(Burst { callers: 50, load_ms: 200, announces: false, ..burst }));
    // By then the others are waiting. The time that they have waited before the kill is subtracted below.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let waited = begun.elapsed().as_secs_f64() * 1e3;
    holder.kill();
    let figures = others.burst_figures();
    let longest = figures.calls_ms.last().copied().unwrap_or(f64::NAN);
    (longest - waited, figures.loads as f64, figures.errors as f64)
}

fn failing(lab: &Lab, report: &mut Report) {
    let callers = lab.either(20, 200);
    let kinds = [
        Kind::Floor,
        Kind::Ours,
        Kind::OursAttribute,
        Kind::Cached,
        Kind::Hitbox,
        Kind::Python,
        Kind::OursMemory,
        Kind::Quick,
        Kind::CachedMemory,
        Kind::Moka,
    ];
    let lines = kinds
        .into_iter()
        .filter(|kind| lab.has(*kind))
        .map(|kind| {
            let server = lab.server(); // a new one for each kind, so that no failure outlives its kind
            let figures = lab.worker(kind, &server).burst(Burst {
                key: "failing".to_owned(),
                callers,
                load_ms: 50,
                fails: true,
                announces: false,
                weigh_after_ms: None,
            });
            Line::new(
                kind.title(),
                vec![
                    Figure::new("loads", figures.loads as f64),
                    Figure::new("errors", figures.errors as f64),
                    Figure::new("longest, ms", figures.calls_ms.last().copied()),
                ],
            )
        })
        .collect();
    report.add(Table {
        name: "failing".to_owned(),
        title: format!("A load of 50 ms that fails, {callers} callers, one process"),
        ratio_of: String::new(),
        lines,
    });
}
