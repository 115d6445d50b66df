//! The plots of a report.

use super::axis::{Axis, Scale};
use super::svg::{self, Bar, Group, Series};
use super::{Line, Report, Table};

/// The plots whose tables are in the report, by name.
pub fn all(report: &Report) -> Vec<(&'static str, String)> {
    [
        ("hits", hits(report)),
        ("memory", memory(report)),
        ("fleet", fleet(report)),
        ("cold-callers", cold(report, "all served after the load, ms")),
        ("keys", keys(report)),
    ]
    .into_iter()
    .filter_map(|(name, plot)| Some((name, plot?)))
    .collect()
}

fn is_ours(line: &Line) -> bool {
    line.subject.starts_with("cachefence, ")
}

fn ratio_bars(table: &Table, title: &str) -> Group {
    let bars = table.lines.iter().filter_map(|line| {
        let ratio = line.ratio?;
        Some(Bar {
            label: line.subject.clone(),
            value: ratio.median,
            spread: Some((ratio.p25, ratio.p75)),
            ours: is_ours(line),
        })
    });
    Group { title: title.to_owned(), bars: bars.collect() }
}

fn hits(report: &Report) -> Option<String> {
    let tables = [
        ("hits-multi-thread-1-one-task-200 B", "1 task: p50 (less is better)"),
        ("hits-multi-thread-1-one-key-200 B", "64 tasks on one key: calls/s (more is better)"),
        (
            "hits-multi-thread-1-many-keys-200 B",
            "64 tasks over many keys: calls/s (more is better)",
        ),
    ];
    let groups: Option<Vec<_>> = tables
        .into_iter()
        .map(|(name, title)| Some(ratio_bars(report.table(name)?, title)))
        .collect();
    let axis = Axis {
        title: "times the floor in the same round (median, p25 - p75; log scale)".to_owned(),
        scale: Scale::Log,
    };
    Some(svg::bars(
        "Hot hits on Redis, 200 B, multi-thread runtime, one core",
        &axis,
        &groups?,
        Some(1.0),
    ))
}

fn memory(report: &Report) -> Option<String> {
    let group =
        ratio_bars(report.table("memory-multi-thread-1")?, "1 thread: a call (less is better)");
    let axis = Axis {
        title: "times the floor: quick_cache get + serde_json decode (median, p25 - p75)"
            .to_owned(),
        scale: Scale::Linear,
    };
    Some(svg::bars("Hits in memory, values of 200 B", &axis, &[group], Some(1.0)))
}

fn fleet(report: &Report) -> Option<String> {
    let group = |name, title: &str, figure| {
        let table = report.table(name)?;
        let bars = table.lines.iter().filter_map(|line| {
            Some(Bar {
                label: line.subject.clone(),
                value: line.figure(figure)?,
                spread: None,
                ours: is_ours(line),
            })
        });
        Some(Group { title: title.to_owned(), bars: bars.collect() })
    };
    let groups = [
        group("fleet-4", "4 x 50 callers: p99 over the load, ms", "p99 over the load, ms")?,
        group("fleet-4", "4 x 50 callers: loads", "loads")?,
        group("fleet-4", "4 x 50 callers: commands", "commands")?,
    ];
    let axis = Axis {
        title: "ms, loads, commands (log scale; less is better)".to_owned(),
        scale: Scale::Log,
    };
    Some(svg::bars("One cold key in a fleet, a load of 200 ms", &axis, &groups, None))
}

/// The lines of a table as one series for each subject.
fn series(table: &Table, across: &str, up: &str) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for line in &table.lines {
        let (Some(x), Some(y)) = (line.figure(across), line.figure(up)) else { continue };
        match all.iter_mut().find(|series| series.label == line.subject) {
            Some(series) => series.points.push((x, y)),
            None => all.push(Series {
                label: line.subject.clone(),
                points: vec![(x, y)],
                ours: line.subject == "cachefence, Redis",
            }),
        }
    }
    all
}

fn cold(report: &Report, figure: &'static str) -> Option<String> {
    let series = series(report.table("growth-callers")?, "callers", figure);
    let across = Axis { title: "callers at once".to_owned(), scale: Scale::Log };
    let up =
        Axis { title: "ms from the load's end until all are served".to_owned(), scale: Scale::Log };
    Some(svg::lines("One cold key in one process, a load of 50 ms", &across, &up, &series))
}

fn keys(report: &Report) -> Option<String> {
    let mut all = series(report.table("growth-redis")?, "keys", "a call, ns");
    all.extend(series(report.table("growth-memory")?, "keys", "a call, ns"));
    let across = Axis { title: "keys".to_owned(), scale: Scale::Log };
    let up = Axis { title: "ns a hit".to_owned(), scale: Scale::Log };
    Some(svg::lines("What a hit costs as the keys grow, values of 200 B", &across, &up, &all))
}
