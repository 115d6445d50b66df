//! Load on a key that expires every second.

use crate::lab::{Lab, commands};
use crate::protocol::{Expiry, Lives};
use crate::report::{Figure, Limit, Line, Report, Table};
use crate::subject::Kind;

const KINDS: [Kind; 9] = [
    Kind::Floor,
    Kind::Ours,
    Kind::OursBackground,
    Kind::Cached,
    Kind::Hitbox,
    Kind::Python,
    Kind::OursMemory,
    Kind::CachedMemory,
    Kind::Moka,
];

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_one_core();
    let seconds = lab.either(1.6, 10.0);
    let expires = Expiry { tasks: 64, seconds, load_ms: 50, lives: Lives::ASecond };
    let mut lines: Vec<_> = KINDS
        .into_iter()
        .filter(|kind| lab.has(*kind))
        .map(|kind| {
            line(lab, kind, expires).note(match kind {
                Kind::Hitbox => "cuts ttls to whole seconds and 1 s to none: nothing expires",
                _ => kind.note(),
            })
        })
        .collect();
    let still = Expiry { lives: Lives::AnHour, ..expires };
    let mut noise = line(lab, Kind::Floor, still);
    "the floor, nothing expires (noise)".clone_into(&mut noise.subject);
    lines.push(noise);

    let figure = |name| lines[1].figure(name).unwrap_or(f64::NAN);
    report.target("expiry under load: loads per ttl", figure("loads per ttl"), Limit::AtMost(1.5));
    report.target("expiry under load: slow calls, %", figure("slow, %"), Limit::AtMost(0.01));
    let slow = lines[2].figure("slow beside a load").unwrap_or(f64::NAN);
    report.target(
        "expiry under load, detached: slow calls while a load was under way",
        slow,
        Limit::AtMost(0.0),
    );
    report.add(Table {
        name: "expiry".to_owned(),
        title: format!(
            "Expiry under load: ttl 1 s, a load of 50 ms, 64 tasks, {seconds} s, one core; slow is longer than half a load"
        ),
        ratio_of: String::new(),
        lines,
    });
}

fn line(lab: &Lab, kind: Kind, plan: Expiry) -> Line {
    let server = lab.server();
    let mut worker = lab.worker(kind, &server);
    server.reset_stats();
    let figures = worker.expiry(plan);
    let calls = figures.calls as f64;
    let ttls = figures.seconds / plan.lives.ttl().as_secs_f64();
    Line::new(
        kind.title(),
        vec![
            Figure::new("calls", calls),
            Figure::new("loads", figures.loads as f64),
            Figure::new(
                "loads per ttl",
                (plan.lives == Lives::ASecond).then_some(figures.loads as f64 / ttls),
            ),
            Figure::new("slow", figures.slow as f64),
            Figure::new("slow beside a load", figures.slow_beside_a_load.map(|slow| slow as f64)),
            Figure::new("slow, %", 100.0 * figures.slow as f64 / calls),
            Figure::new("longest, ms", figures.longest_ms),
            Figure::new(
                "commands per call",
                kind.on_redis().then(|| commands(&server) as f64 / calls),
            ),
        ],
    )
}
