//! What a hit costs as the number of keys grows.

use super::rounds::{Often, Turn, take_turns};
use crate::driver::Worker;
use crate::lab::Lab;
use crate::protocol::{Choice, Hits, Keys};
use crate::report::{Figure, Line, Report, Table};
use crate::subject::Kind;

pub(super) fn run(lab: &Lab, report: &mut Report) {
    lab.on_one_core();
    let counts: &[u32] =
        lab.either(&[10, 1_000, 20_000], &[10, 100, 1_000, 10_000, 100_000, 1_000_000]);
    measure(lab, report, "memory", &[Kind::Quick, Kind::OursMemory, Kind::Moka], counts);
    measure(lab, report, "Redis", &[Kind::Floor, Kind::Ours], counts);
}

fn measure(lab: &Lab, report: &mut Report, place: &str, kinds: &[Kind], counts: &[u32]) {
    let server = lab.server();
    let most = counts.last().copied().unwrap_or(1);
    let mut turns: Vec<_> = kinds
        .iter()
        .map(|&kind| {
            let mut start = lab.start(kind, &server);
            start.entries = most as usize * 2; // so that no entry is evicted
            Turn::new(start)
        })
        .collect();
    let mut lines = Vec::new();
    for &count in counts {
        let keys = Keys { count, bytes: 200 };
        for turn in &mut turns {
            turn.rounds.clear();
        }
        let calls =
            if kinds[0].on_redis() { lab.either(500, 2_000) } else { lab.either(10_000, 50_000) };
        let (generations, rounds) = lab.either((1, 3), (2, 8));
        let prepare = |worker: &mut Worker| worker.fill(keys);
        take_turns(&mut turns, Often { generations, rounds }, prepare, |worker, _| {
            worker.hits(Hits {
                keys,
                choice: Choice::Uniform,
                tasks: 1,
                calls,
                threads: 1,
                each: false,
            })
        });
        for turn in &turns {
            let call = turn.median(|figures| figures.p50_ns);
            let figures =
                vec![Figure::new("keys", f64::from(count)), Figure::new("a call, ns", call)];
            let line = Line::new(turn.title.clone(), figures);
            lines.push(line.ratio(turn.ratio(&turns[0], |figures| figures.p50_ns)));
        }
    }
    report.add(Table {
        name: format!("growth-{}", place.to_lowercase()),
        title: format!(
            "What a hit costs as the keys grow: {place}, 200 B, keys drawn evenly, one core"
        ),
        ratio_of: "against the first".to_owned(),
        lines,
    });
}
