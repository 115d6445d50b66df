//! Compares the cost of a detached cold load with that of one in its caller: allocations, and instructions if valgrind is
//! installed.
//! In memory, on one thread, with a body that returns at once.
//!
//! `detached` prints the table. `detached in-caller|detached CALLS` makes so many cold calls, for valgrind.

use std::alloc::System;
use std::convert::Infallible;
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_benches::callgrind;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MODES: [&str; 2] = ["in-caller", "detached"];
const TTL: Duration = Duration::from_hours(1);

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [mode, calls] = args.as_slice() {
        cold_calls(mode, calls.parse().expect("a number"));
        return;
    }
    println!(
        "| a cold load in memory | allocations | bytes allocated | instructions outside the allocator |"
    );
    println!("|---|--:|--:|--:|");
    for mode in MODES {
        let (allocations, bytes) = allocated(mode);
        let instructions = instructions(mode).map_or("-".to_owned(), |count| format!("{count:.0}"));
        println!("| {mode} | {allocations:.1} | {bytes:.0} | {instructions} |");
    }
}

/// Makes cold calls, one after another, after some that warm the cache up.
fn cold_calls(mode: &str, calls: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("it starts").block_on(async {
        let cache = CacheFence::in_memory();
        for call in 0..calls {
            let entry = cache.entry::<usize>((call % 1_000).to_string()).ttl(TTL);
            entry.invalidate().await.expect("it is in memory");
            let load = move || async move { Ok::<_, Infallible>(call) };
            let value = match mode {
                "in-caller" => entry.get_or_set(load).await,
                _ => entry.get_or_set_detached(load).await,
            };
            assert_eq!(value.expect("it returns a value"), call);
        }
    });
}

/// The allocations and bytes of one call: the difference between many and fewer calls.
fn allocated(mode: &str) -> (f64, f64) {
    let count = |calls| {
        let region = Region::new(ALLOCATOR);
        cold_calls(mode, calls);
        let change = region.change();
        (change.allocations as f64, change.bytes_allocated as f64)
    };
    let (fewer, many) = (count(2_000), count(12_000));
    ((many.0 - fewer.0) / 10_000.0, (many.1 - fewer.1) / 10_000.0)
}

/// The instructions of one call, by valgrind.
fn instructions(mode: &str) -> Option<f64> {
    let program = env::current_exe().ok()?;
    let folder = tempfile::tempdir().ok()?;
    let run = |calls: usize| {
        let file = folder.path().join(calls.to_string());
        let status = Command::new("valgrind")
            .args(["--tool=callgrind", "--compress-pos=no", "--quiet"])
            .arg(format!("--callgrind-out-file={}", file.display()))
            .arg(&program)
            .args([mode, &calls.to_string()])
            .status();
        status.ok().filter(std::process::ExitStatus::success).map(|_| read(&file))
    };
    Some((run(4_000)? - run(2_000)?) / 2_000.0)
}

fn read(file: &Path) -> f64 {
    callgrind::read(file).outside_the_allocator()
}
