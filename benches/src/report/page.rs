//! The tables of a page that are taken from a report, so that no figure is copied by hand.
//!
//! A page has `<!-- figures: NAME -->` before such a table and `<!-- end -->` after it.

use std::fmt::Write as _;

use super::number::number;
use super::{Line, Report, Target};

/// The page with its tables made anew from `report`.
///
/// # Errors
///
/// When a mark names no table, or has no end.
pub fn fill(page: &str, report: &Report) -> Result<String, String> {
    const BEGIN: &str = "<!-- figures: ";
    const END: &str = "<!-- end -->";
    let mut parts = page.split(BEGIN);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->").ok_or("a mark is not closed")?;
        let (_, rest) = rest.split_once(END).ok_or_else(|| format!("`{name}` has no end"))?;
        let rows = block(name, report).ok_or_else(|| format!("there are no figures `{name}`"))?;
        let _ = write!(filled, "{BEGIN}{name} -->\n{}\n{END}{rest}", rows.join("\n"));
    }
    Ok(filled)
}

/// The lines of the table with this name.
fn block(name: &str, report: &Report) -> Option<Vec<String>> {
    match name {
        "machine" => Some(vec![machine(report)]),
        "summary" => Some(summary(report)),
        "hits" => Some(hits(report)),
        "batching" => Some(vec![batching(report)]),
        "killed" => Some(vec![killed(report)]),
        "missing" => Some(missing(report)),
        "memory" => Some(memory(report)),
        "cluster" => Some(cluster(report)),
        "cluster-many" => Some(cluster_many(report)),
        "cost" => Some(cost(report)),
        "targets" => Some(targets(report)),
        _ => None,
    }
}

const FLOOR: &str = "redis-rs, GET + serde_json";
const OURS: &str = "cachefence, Redis";
const ATTRIBUTE: &str = "cachefence, Redis, attribute";
const CACHED: &str = "cached, Redis attribute";
const HITBOX: &str = "hitbox, Redis";
const CLUSTER_FLOOR: &str = "redis-rs, ClusterConnection";
const CLUSTER: &str = "cachefence, Redis Cluster";
const PYTHON: &str = "cachefence 0.1.0 (Python)";

fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<_> = cells.into_iter().collect();
    format!("| {} |", cells.join(" | "))
}

fn machine(report: &Report) -> String {
    let facts = &report.facts;
    format!(
        "{} cores of an {}; Redis {}; {}; {}.",
        facts.cores,
        facts.processor,
        facts.redis,
        facts.rustc.split(" (").next().unwrap_or_default(),
        facts.packages.join(", ")
    )
}

fn line<'a>(report: &'a Report, table: &str, subject: &str) -> Option<&'a Line> {
    report.table(table)?.lines.iter().find(|line| line.subject == subject)
}

/// A figure of a subject, or a dash where there is none.
fn figure(report: &Report, table: &str, subject: &str, name: &str) -> String {
    let value = line(report, table, subject).and_then(|line| line.figure(name));
    value.map_or_else(|| "-".to_owned(), number)
}

/// The ratio of a subject to its floor.
fn ratio(report: &Report, table: &str, subject: &str) -> String {
    let ratio = line(report, table, subject).and_then(|line| line.ratio);
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2} ×", ratio.median))
}

/// Loads per ttl. A subject whose keys never expire loads none.
fn loads_per_ttl(report: &Report, subject: &str) -> String {
    match figure(report, "expiry", subject, "loads per ttl").as_str() {
        "0" => "nothing expires".to_owned(),
        loads => loads.to_owned(),
    }
}

/// The few figures that decide: of hits those on the runtime of a service, and in brackets on the other.
fn summary(report: &Report) -> Vec<String> {
    let mut rows = vec![
        "| | hits, 64 tasks on 1 key | over 10,000 keys | loads: 10,000 callers of a cold key | loads: 4 processes × 50 callers | loads per ttl |".to_owned(),
        "|---|--:|--:|--:|--:|--:|".to_owned(),
    ];
    for (hits, subject, title) in [
        (FLOOR, FLOOR, "`redis`, by hand"),
        (ATTRIBUTE, OURS, "**cachefence**"),
        (CACHED, CACHED, "`cached`"),
        (HITBOX, HITBOX, "`hitbox`"),
    ] {
        let mut cells = vec![title.to_owned()];
        for case in ["one-key", "many-keys"] {
            let on = |runtime| ratio(report, &format!("hits-{runtime}-{case}-200 B"), hits);
            cells.push(match hits {
                FLOOR => "1 ×".to_owned(),
                _ => format!("{} ({})", on("multi-thread-1"), on("current-thread")),
            });
        }
        cells.push(figure(report, "cold-10000", subject, "loads"));
        cells.push(figure(report, "fleet-4", subject, "loads"));
        cells.push(loads_per_ttl(report, subject));
        rows.push(row(cells));
    }
    rows
}

/// Why a client makes more hits on one runtime than on the other.
fn batching(report: &Report) -> String {
    let of = |runtime: &str, subject: &str, name: &str| {
        line(report, &format!("hits-{runtime}-one-key-200 B"), subject)
            .and_then(|line| line.figure(name))
    };
    let at_once = |runtime| {
        let commands = of(runtime, FLOOR, "commands per read of the server");
        commands.map_or_else(|| "-".to_owned(), number)
    };
    let shared = |runtime| {
        let commands = of(runtime, ATTRIBUTE, "commands per call");
        commands.map_or_else(|| "-".to_owned(), |commands| number((1.0 / commands).round()))
    };
    let (multi, current, two) = ("multi-thread-1", "current-thread", "multi-thread-2");
    format!(
        "In the rows of one key, the server read {} commands of the bare client at a time with one worker, {} on the \
         current-thread runtime and {} with two workers; cachefence sent one command for {}, {} and {} calls.",
        at_once(multi),
        at_once(current),
        at_once(two),
        shared(multi),
        shared(current),
        shared(two)
    )
}

/// The sentence on how long callers wait for a process that died.
fn killed(report: &Report) -> String {
    format!(
        "When the process that loads is killed, the callers of another one are served {} ms later, by {} load.",
        figure(report, "killed", OURS, "longest wait after the kill, ms"),
        figure(report, "killed", OURS, "loads of the others")
    )
}

fn hits(report: &Report) -> Vec<String> {
    let mut rows = vec![
        "| runtime | | `redis`, by hand | `get_or_set` | **annotated function** | `cached` | `hitbox` | Python package |".to_owned(),
        "|---|---|--:|--:|--:|--:|--:|--:|".to_owned(),
    ];
    let runtimes = [
        ("multi-thread-1", "200 B", "multi-thread, 1 worker"),
        ("current-thread", "200 B", "current-thread"),
        ("multi-thread-2", "200 B", "multi-thread, 2 workers, 2 cores"),
        ("multi-thread-1", "10 KiB", "multi-thread, 1 worker, 10 KiB"),
    ];
    for (runtime, size, title) in runtimes {
        for (case, what) in [
            ("one-task", "1 task, p50 in µs"),
            ("one-key", "64 tasks, 1 key, calls/s"),
            ("many-keys", "64 tasks, 10,000 keys, calls/s"),
        ] {
            let table = format!("hits-{runtime}-{case}-{size}");
            let floor = match case {
                "one-task" => figure(report, &table, FLOOR, "p50, us"),
                _ => figure(report, &table, FLOOR, "calls/s"),
            };
            let mut cells = vec![title.to_owned(), what.to_owned(), floor];
            for subject in [OURS, ATTRIBUTE, CACHED, HITBOX, PYTHON] {
                cells.push(ratio(report, &table, subject));
            }
            rows.push(row(cells));
        }
    }
    rows
}

fn missing(report: &Report) -> Vec<String> {
    let mut rows = vec![
        "| | cold: loads | commands | all served after the load, ms | bytes per waiting caller | fleet: loads | commands | p99 over the load, ms | expiry: loads per ttl | failing: loads |".to_owned(),
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|".to_owned(),
    ];
    for (subject, title) in [
        (FLOOR, "`redis`, by hand"),
        (OURS, "**cachefence**"),
        (CACHED, "`cached`"),
        (HITBOX, "`hitbox`"),
        (PYTHON, "Python package"),
    ] {
        let mut cells = vec![title.to_owned()];
        for (table, name) in [
            ("cold-10000", "loads"),
            ("cold-10000", "commands"),
            ("cold-10000", "all served after the load, ms"),
            ("cold-10000", "bytes per waiting caller"),
            ("fleet-4", "loads"),
            ("fleet-4", "commands"),
            ("fleet-4", "p99 over the load, ms"),
            ("expiry", "loads per ttl"),
            ("failing", "loads"),
        ] {
            cells.push(figure(report, table, subject, name));
        }
        rows.push(row(cells));
    }
    rows
}

fn memory(report: &Report) -> Vec<String> {
    let mut rows = vec![
        "| | a hit, ns | against the floor | cold: loads | all served after the load, ms | bytes per waiting caller | failing: loads |".to_owned(),
        "|---|--:|--:|--:|--:|--:|--:|".to_owned(),
    ];
    for (subject, title) in [
        ("quick_cache + serde_json", "`quick_cache` and a decode"),
        ("cachefence, memory", "**cachefence**, `get_or_set`"),
        ("cachefence, memory, attribute", "**cachefence**, annotated function"),
        ("cached, memory attribute", "`cached`, `sync_writes = \"by_key\"`"),
        ("moka try_get_with", "`moka`, `try_get_with`"),
    ] {
        let mut cells = vec![title.to_owned()];
        cells.push(figure(report, "memory-multi-thread-1", subject, "a call, ns"));
        cells.push(ratio(report, "memory-multi-thread-1", subject));
        for (table, name) in [
            ("cold-10000", "loads"),
            ("cold-10000", "all served after the load, ms"),
            ("cold-10000", "bytes per waiting caller"),
            ("failing", "loads"),
        ] {
            cells.push(figure(report, table, subject, name));
        }
        rows.push(row(cells));
    }
    rows
}

/// A cluster beside one server.
fn cluster(report: &Report) -> Vec<String> {
    let mut rows = vec!["| | one server | cluster | |".to_owned(), "|---|--:|--:|--:|".to_owned()];
    for (table, name, title) in [
        ("cluster-hit-multi-thread-1", "p50, us", "a hit, multi-thread, 1 worker: p50 in µs"),
        ("cluster-hit-current-thread", "p50, us", "a hit, current-thread: p50 in µs"),
        (
            "cluster-cost",
            "of them outside malloc and free",
            "a hit: instructions outside malloc and free",
        ),
        ("cluster-cost", "commands", "a hit: commands"),
        ("cluster-cold", "1 caller", "a cold load, 1 caller: commands"),
        ("cluster-cold", "10,000 callers", "a cold load, 10,000 callers: commands"),
    ] {
        let number_of = |subject| line(report, table, subject)?.figure(name);
        let ratio = match (ratio(report, table, CLUSTER), number_of(OURS), number_of(CLUSTER)) {
            (none, Some(one), Some(several)) if none == "-" => format!("{:.2} ×", several / one),
            (measured, ..) => measured,
        };
        let [one, several] = [OURS, CLUSTER].map(|subject| figure(report, table, subject, name));
        rows.push(row([title.to_owned(), one, several, ratio]));
    }
    rows
}

/// Hits on a cluster beside those of the client's own connection.
fn cluster_many(report: &Report) -> Vec<String> {
    let mut rows = vec![
        "| runtime | `ClusterConnection`: calls/s | p50, µs | cachefence: calls/s | p50, µs | against `ClusterConnection` | on one server: calls/s |".to_owned(),
        "|---|--:|--:|--:|--:|--:|--:|".to_owned(),
    ];
    for (runtime, title) in [
        ("multi-thread-1", "multi-thread, 1 worker"),
        ("current-thread", "current-thread"),
        ("multi-thread-2", "multi-thread, 2 workers, 2 cores"),
    ] {
        let table = format!("cluster-many-{runtime}");
        let mut cells = vec![title.to_owned()];
        for subject in [CLUSTER_FLOOR, CLUSTER] {
            cells.extend(["calls/s", "p50, us"].map(|name| figure(report, &table, subject, name)));
        }
        cells.push(ratio(report, &table, CLUSTER));
        cells.push(figure(report, &table, OURS, "calls/s"));
        rows.push(row(cells));
    }
    rows
}

fn cost(report: &Report) -> Vec<String> {
    let mut rows = vec![
        "| a hit of 200 bytes | instructions | of them outside malloc and free | allocations | bytes allocated | commands |".to_owned(),
        "|---|--:|--:|--:|--:|--:|".to_owned(),
    ];
    for line in report.table("cost").map_or(&[][..], |table| &table.lines) {
        let mut cells = vec![line.subject.clone()];
        for name in [
            "instructions",
            "of them outside malloc and free",
            "allocations",
            "bytes allocated",
            "commands",
        ] {
            cells.push(figure(report, "cost", &line.subject, name));
        }
        rows.push(row(cells));
    }
    rows
}

fn targets(report: &Report) -> Vec<String> {
    let mut rows = vec!["| | measured | promised | |".to_owned(), "|---|--:|--:|---|".to_owned()];
    rows.extend(report.targets.iter().map(Target::row));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../cachefence/docs/performance.md");
    const README: &str = include_str!("../../../README.md");
    const RESULTS: &str = include_str!("../../results/results.json");

    #[test]
    fn the_page_shows_the_results() {
        let report = serde_json::from_str(RESULTS).expect("a report");
        for page in [PAGE, README] {
            let filled = fill(page, &report).expect("its marks are known");
            assert!(page.contains("<!-- figures: "), "the page has marks");
            let stale =
                page.lines().zip(filled.lines()).find(|(shown, measured)| shown != measured);
            assert_eq!(stale, None, "the bin `page` fills the page");
            assert_eq!(page.len(), filled.len());
        }
    }

    #[test]
    fn a_mark_that_names_no_table_is_an_error() {
        let report = serde_json::from_str(RESULTS).expect("a report");
        assert!(fill("<!-- figures: none -->\n<!-- end -->", &report).is_err());
        assert!(fill("<!-- figures: hits -->\n", &report).is_err());
    }
}
