//! Many callers at once for one key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::allocations::counts;
use crate::cpu;
use crate::loader::Loader;
use crate::protocol::{Burst, BurstFigures, Lives};
use crate::statistics::sorted;
use crate::subject::Subject;

/// How long a caller may wait before it counts as never served.
const LONGEST: Duration = Duration::from_secs(30);

/// Starts the callers and waits for all of them.
pub(super) async fn run<S: Subject>(subject: &Arc<S>, plan: Burst) -> BurstFigures {
    let loader = Loader::new(200, Duration::from_millis(plan.load_ms));
    let loader = Arc::new(loader.fails(plan.fails).announces(plan.announces));
    let key: Arc<str> = plan.key.into();
    let mut callers = Vec::with_capacity(plan.callers as usize);
    let before = counts();
    let cpu_before = cpu::used_ms();
    for _ in 0..plan.callers {
        let (subject, loader, key) = (Arc::clone(subject), Arc::clone(&loader), Arc::clone(&key));
        callers.push(tokio::spawn(async move {
            let begun = Instant::now();
            let result = subject.get(&key, Lives::AnHour, &loader).await;
            (begun.elapsed(), Instant::now(), result.is_err())
        }));
    }
    let mut bytes_per_caller = None;
    if let Some(after) = plan.weigh_after_ms {
        tokio::time::sleep(Duration::from_millis(after)).await;
        bytes_per_caller = before.zip(counts()).map(|(before, now)| {
            (now.live() as f64 - before.live() as f64) / f64::from(plan.callers)
        });
    }

    let (mut calls, mut last, mut errors) = (Vec::with_capacity(callers.len()), None, 0);
    let deadline = tokio::time::Instant::now() + LONGEST;
    for caller in callers {
        let abort = caller.abort_handle();
        if let Ok(served) = tokio::time::timeout_at(deadline, caller).await {
            let (took, at, failed) = served.expect("no panic");
            calls.push(took.as_secs_f64() * 1e3);
            errors += u64::from(failed);
            last = last.max(Some(at));
        } else {
            abort.abort();
            calls.push(LONGEST.as_secs_f64() * 1e3);
            errors += 1;
        }
    }
    let spans = loader.spans();
    let ended = spans.iter().map(|(_, ended)| *ended).min();
    let load_ms =
        spans.iter().map(|(begun, ended)| (*ended - *begun).as_secs_f64() * 1e3).collect();
    BurstFigures {
        loads: loader.loads(),
        load_ms,
        calls_ms: sorted(calls),
        served_ms: last.zip(ended).map(|(last, ended)| (last - ended).as_secs_f64() * 1e3),
        errors,
        cpu_ms: cpu::used_ms() - cpu_before,
        bytes_per_caller,
    }
}
