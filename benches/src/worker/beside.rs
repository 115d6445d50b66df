//! Small hits beside tasks that read large values.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use super::hits;
use crate::loader::Loader;
use crate::protocol::{Beside, HitFigures, Lives};
use crate::subject::Subject;

/// Measures the small hits only.
pub(super) async fn run<S: Subject>(subject: &Arc<S>, plan: Beside) -> HitFigures {
    let loader = Arc::new(Loader::new(plan.large.bytes, Duration::ZERO));
    let readers: Vec<_> = (0..plan.readers)
        .map(|reader| {
            let (subject, loader) = (Arc::clone(subject), Arc::clone(&loader));
            let key = plan.large.name(reader % plan.large.count);
            tokio::spawn(async move {
                // The readers begin at different times, so that they do not read all at once.
                tokio::time::sleep(Duration::from_millis(
                    plan.rest_ms * u64::from(reader) / u64::from(plan.readers),
                ))
                .await;
                loop {
                    black_box(subject.get(&key, Lives::AnHour, &loader).await.expect("a hit"));
                    tokio::time::sleep(Duration::from_millis(plan.rest_ms)).await;
                }
            })
        })
        .collect();
    // The small hits are a task as well, so that the threads that poll the readers poll it too.
    let figures = tokio::spawn(hits::run(Arc::clone(subject), plan.small)).await;
    for reader in readers {
        reader.abort();
        let _ = reader.await;
    }
    figures.expect("no panic")
}
