//! Batches of hits.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use super::order::Order;
use crate::allocations::counts;
use crate::cpu;
use crate::loader::{Failed, Loader};
use crate::protocol::{HitFigures, Hits, Lives};
use crate::statistics::{percentile, sorted};
use crate::subject::Subject;
use crate::value::Profile;

/// How many calls come before the measured ones, because the worker has slept and the caches of its core are cold.
pub const WARM_UP: usize = 20;

/// Runs a batch on the current runtime.
pub(super) async fn run<S: Subject>(subject: Arc<S>, plan: Hits) -> HitFigures {
    let loader = Arc::new(Loader::new(plan.keys.bytes, Duration::ZERO));
    let calls = plan.calls as usize;
    let names: Arc<[String]> = (0..plan.keys.count).map(|number| plan.keys.name(number)).collect();
    let orders: Vec<_> = (0..plan.tasks)
        .map(|task| {
            let names = Arc::clone(&names);
            Order::new(names, plan.keys, plan.choice, calls.min(50_000), u64::from(task))
        })
        .collect();
    for call in 0..WARM_UP {
        let value = subject.get(orders[0].key(call), Lives::AnHour, &loader).await;
        black_box(value.expect("a hit"));
    }

    let mut times = Vec::with_capacity(if plan.each { calls * orders.len() } else { 0 });
    let before = counts();
    let begun = Instant::now();
    if let [order] = orders.as_slice() {
        one_task(&*subject, &loader, order, plan, &mut times).await;
    } else {
        let tasks: Vec<_> = orders
            .into_iter()
            .map(|order| {
                let (subject, loader) = (Arc::clone(&subject), Arc::clone(&loader));
                tokio::spawn(async move {
                    let mut times = Vec::with_capacity(if plan.each { calls } else { 0 });
                    one_task(&*subject, &loader, &order, plan, &mut times).await;
                    times
                })
            })
            .collect();
        for task in tasks {
            times.extend(task.await.expect("no panic"));
        }
    }
    let elapsed = begun.elapsed();
    let after = counts();

    let all = f64::from(plan.tasks) * f64::from(plan.calls);
    let mean = elapsed.as_secs_f64() * 1e9 / all;
    let times = sorted(times);
    HitFigures {
        p50_ns: if plan.each { percentile(&times, 0.5) } else { mean },
        p99_ns: if plan.each { percentile(&times, 0.99) } else { mean },
        per_second: all / elapsed.as_secs_f64(),
        loads: loader.loads(),
        allocations: before
            .zip(after)
            .map(|(before, after)| (after.allocations - before.allocations) as f64 / all),
        bytes: before
            .zip(after)
            .map(|(before, after)| (after.allocated - before.allocated) as f64 / all),
    }
}

async fn one_task<S: Subject>(
    subject: &S,
    loader: &Arc<Loader>,
    order: &Order,
    plan: Hits,
    times: &mut Vec<f64>,
) {
    for call in 0..plan.calls as usize {
        let key = order.key(call);
        if plan.each {
            let begun = Instant::now();
            let value = subject.get(key, Lives::AnHour, loader).await;
            times.push(begun.elapsed().as_secs_f64() * 1e9);
            count_failure(loader, black_box(value));
        } else {
            count_failure(loader, black_box(subject.get(key, Lives::AnHour, loader).await));
        }
    }
}

/// Counts a failed call as a load, because neither is a hit: a peer may give up on a large value on a busy machine.
fn count_failure(loader: &Loader, value: Result<Profile, Failed>) {
    if let Err(failed) = value {
        eprintln!("{failed}");
        loader.note();
    }
}

/// Runs the batch on several threads at once, each on a core of its own.
pub(super) fn on_threads<S: Subject>(subject: &Arc<S>, plan: Hits) -> HitFigures {
    let cores = cpu::cores();
    let together = Arc::new(Barrier::new(plan.threads as usize));
    let threads: Vec<_> = (0..plan.threads as usize)
        .map(|thread| {
            let (subject, together) = (Arc::clone(subject), Arc::clone(&together));
            let core = cores[thread % cores.len()];
            std::thread::spawn(move || {
                cpu::keep_to(&[core]);
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.expect("a runtime starts");
                together.wait();
                runtime.block_on(run(subject, plan))
            })
        })
        .collect();
    let figures: Vec<_> =
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    HitFigures {
        per_second: figures.iter().map(|figures| figures.per_second).sum(),
        loads: figures.iter().map(|figures| figures.loads).sum(),
        ..figures[0]
    }
}
