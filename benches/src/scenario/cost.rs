//! The instructions, allocations and commands of one hit, which the noise of a machine does not change.

use std::process::{Command, Stdio};

use cachefence_tests::RedisServer;

use crate::callgrind::{self, Profile};
use crate::driver::{Start, Under};
use crate::lab::{Lab, commands};
use crate::protocol::{Choice, Hits, Keys};
use crate::report::{Figure, Limit, Line, Report, Table};
use crate::subject::Kind;
use crate::worker::hits::WARM_UP;

const KINDS: [Kind; 9] = [
    Kind::Floor,
    Kind::Ours,
    Kind::OursAttribute,
    Kind::Cached,
    Kind::Hitbox,
    Kind::Quick,
    Kind::OursMemory,
    Kind::OursMemoryAttribute,
    Kind::Moka,
];
/// The kinds that are profiled even in the short pass.
const PROFILED: [Kind; 4] = [Kind::Floor, Kind::Ours, Kind::Quick, Kind::OursMemory];
const KEYS: Keys = Keys { count: 16, bytes: 200 };

/// What one hit costs.
pub(super) struct Costs {
    pub(super) kind: Kind,
    pub(super) allocations: f64,
    pub(super) bytes: f64,
    pub(super) commands: f64,
    /// The instructions, if valgrind is installed.
    pub(super) profile: Option<Profile>,
}

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_all_cores();
    let valgrind = has_valgrind();
    if !valgrind {
        report.left_out.push("instructions in a call: valgrind is not installed".to_owned());
    }
    let costs: Vec<_> = KINDS
        .into_iter()
        .map(|kind| {
            let brief = lab.quick && !PROFILED.contains(&kind);
            let server = lab.server();
            costs(lab, &lab.start(kind, &server), &[&server], valgrind && !brief)
        })
        .collect();
    let floor_of = |kind: Kind| if kind.on_redis() { &costs[0] } else { &costs[5] };
    let lines = costs
        .iter()
        .map(|costs| {
            let instructions = costs.profile.as_ref().map(Profile::total);
            let floor = floor_of(costs.kind).profile.as_ref().map(Profile::total);
            Line::new(
                costs.kind.title(),
                vec![
                    Figure::new("instructions", instructions),
                    Figure::new(
                        "of them outside malloc and free",
                        costs.profile.as_ref().map(Profile::outside_the_allocator),
                    ),
                    Figure::new(
                        "against its floor",
                        instructions.zip(floor).map(|(ours, floor)| ours / floor),
                    ),
                    Figure::new("allocations", costs.allocations),
                    Figure::new("bytes allocated", costs.bytes),
                    Figure::new("commands", costs.kind.on_redis().then_some(costs.commands)),
                ],
            )
            .note(costs.kind.note())
        })
        .collect();
    report.add(Table {
        name: "cost".to_owned(),
        title: "One hit of 200 B, one task: instructions in this process, allocations, commands at the server".to_owned(),
        ratio_of: String::new(),
        lines,
    });
    // The floor in memory allocates for the decode alone, and one allocation more is for the key.
    report.target(
        "memory hit: allocations beyond the key and the decode",
        costs[6].allocations - costs[5].allocations - 1.0,
        Limit::AtMost(0.0),
    );
    report.target("Redis hit: commands", costs[1].commands, Limit::AtMost(1.0));
    for (kind, floor) in [(Kind::Ours, Kind::Floor), (Kind::OursMemory, Kind::Quick)] {
        let profile = |kind| {
            let costs = costs.iter().find(|costs| costs.kind == kind)?;
            costs.profile.clone()
        };
        let (Some(ours), Some(floor)) = (profile(kind), profile(floor)) else { continue };
        for (name, title, profile) in [
            ("profile", "Where the instructions of one hit go", ours.clone()),
            (
                "beyond",
                "What one hit executes beyond its floor, function by function",
                ours.less(&floor),
            ),
        ] {
            let lines =
                profile.top(lab.either(12, 24)).into_iter().map(|(function, instructions)| {
                    let share = 100.0 * instructions / profile.total();
                    let figures = vec![
                        Figure::new("instructions", instructions),
                        Figure::new("share, %", share),
                    ];
                    Line::new(format!("`{function}`"), figures)
                });
            report.add(Table {
                name: format!("{name}-{}", kind.argument()),
                title: format!("{title}: {}", kind.title()),
                ratio_of: String::new(),
                lines: lines.collect(),
            });
        }
    }
}

fn plan(calls: u32) -> Hits {
    Hits { keys: KEYS, choice: Choice::Uniform, tasks: 1, calls, threads: 1, each: false }
}

pub(super) fn has_valgrind() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Measures the hits of one worker, whose commands the `servers` count.
pub(super) fn costs(lab: &Lab, start: &Start, servers: &[&RedisServer], valgrind: bool) -> Costs {
    const CALLS: u32 = 2_000;
    let mut worker = Start { under: Under::Counted, ..start.clone() }.spawn();
    worker.fill(KEYS);
    worker.hits(plan(CALLS));
    for server in servers {
        server.reset_stats();
    }
    let figures = worker.hits(plan(CALLS));
    let commands: u64 = servers.iter().map(|server| commands(server)).sum();
    let per_call = commands as f64 / (f64::from(CALLS) + WARM_UP as f64);
    Costs {
        kind: start.kind,
        allocations: figures.allocations.expect("this worker counts"),
        bytes: figures.bytes.expect("this worker counts"),
        commands: per_call,
        profile: valgrind.then(|| profile(lab, start)),
    }
}

/// The profile of one hit, from the difference of two runs: what each spends on starting, connecting and filling
/// cancels out.
fn profile(lab: &Lab, start: &Start) -> Profile {
    let (short, long) = lab.either((500, 1_000), (2_000, 10_000));
    let of = |calls| {
        let output = tempfile::NamedTempFile::new().expect("a temporary file");
        let under = Under::Callgrind(output.path().to_owned());
        let mut worker = Start { under, ..start.clone() }.spawn();
        worker.fill(KEYS);
        worker.hits(plan(calls));
        worker.finish();
        callgrind::read(output.path())
    };
    of(long).less(&of(short)).divided_by(f64::from(long - short))
}
