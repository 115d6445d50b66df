//! One key that is read all the time and expires again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::loader::Loader;
use crate::protocol::{Expiry, ExpiryFigures};
use crate::subject::Subject;

/// Reads the key until the time is over.
pub(super) async fn run<S: Subject>(subject: &Arc<S>, plan: Expiry) -> ExpiryFigures {
    const MOST_CALLS: u64 = 10_000_000;
    let load = Duration::from_millis(plan.load_ms);
    let loader = Arc::new(Loader::new(200, load));
    // The first load is not counted, because an empty cache causes it and no expiry.
    subject.get("expiry", plan.lives, &loader).await.expect("a load that does not fail");
    let loads_before = loader.loads();

    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(plan.seconds);
    let tasks: Vec<_> = (0..plan.tasks)
        .map(|_| {
            let (subject, loader) = (Arc::clone(subject), Arc::clone(&loader));
            tokio::spawn(async move {
                let (mut calls, mut slow, mut longest) = (0, Vec::new(), Duration::ZERO);
                let mut now = Instant::now();
                while now < until && calls < MOST_CALLS / u64::from(plan.tasks) {
                    let value = subject.get("expiry", plan.lives, &loader).await;
                    value.expect("a load that does not fail");
                    let took = now.elapsed();
                    calls += 1;
                    if took > load / 2 {
                        slow.push((now, now + took));
                    }
                    longest = longest.max(took);
                    // A hit in memory never waits, so without this the task would keep the thread from the other tasks.
                    tokio::task::coop::consume_budget().await;
                    now = Instant::now();
                }
                (calls, slow, longest)
            })
        })
        .collect();
    let mut figures = ExpiryFigures::default();
    let mut all_slow = Vec::new();
    for task in tasks {
        let (calls, slow, longest) = task.await.expect("no panic");
        figures.calls += calls;
        all_slow.extend(slow);
        figures.longest_ms = figures.longest_ms.max(longest.as_secs_f64() * 1e3);
    }
    let loads = loader.spans();
    let beside_a_load = |(begun, ended): &&(Instant, Instant)| {
        loads.iter().any(|(load_begun, load_ended)| load_begun < ended && begun < load_ended)
    };
    figures.slow = all_slow.len() as u64;
    figures.slow_beside_a_load = Some(all_slow.iter().filter(beside_a_load).count() as u64);
    figures.loads = loader.loads() - loads_before;
    figures.seconds = begun.elapsed().as_secs_f64();
    figures
}
