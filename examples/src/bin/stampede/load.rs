//! Many requests at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// What came of the requests.
pub(crate) struct Run<T> {
    pub(crate) answers: Vec<T>,
    pub(crate) latencies: Vec<Duration>,
    /// From the first request to the last answer.
    pub(crate) total: Duration,
}

impl<T: Send + 'static> Run<T> {
    /// Makes `requests` requests, each in a task of its own and all at the same moment. Calls `progress` with the
    /// number of answers so far.
    ///
    /// # Errors
    ///
    /// The first that a request ends with.
    pub(crate) async fn of<F, Fut, E>(
        requests: usize,
        request: F,
        progress: impl Fn(usize),
    ) -> Result<Self, E>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
    {
        let everyone = Arc::new(Barrier::new(requests));
        let mut tasks = JoinSet::new();
        for _ in 0..requests {
            let (everyone, request) = (Arc::clone(&everyone), request());
            tasks.spawn(async move {
                everyone.wait().await;
                let start = Instant::now();
                request.await.map(|answer| (answer, start, Instant::now()))
            });
        }

        let (mut answers, mut spans) = (Vec::new(), Vec::new());
        while let Some(task) = tasks.join_next().await {
            let (answer, start, end) = task.expect("a request does not panic")?;
            answers.push(answer);
            spans.push((start, end));
            progress(answers.len());
        }
        let start = spans.iter().map(|span| span.0).min();
        let end = spans.iter().map(|span| span.1).max();
        let total = start.zip(end).map_or(Duration::ZERO, |(start, end)| end - start);
        let latencies = spans.iter().map(|(start, end)| *end - *start).collect();
        Ok(Self { answers, latencies, total })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Run;

    #[tokio::test]
    async fn all_requests_are_under_way_before_one_is_answered() {
        // Would wait for ever if one request were awaited before the next is sent.
        let together = Arc::new(tokio::sync::Barrier::new(20));
        let next = Arc::new(AtomicUsize::new(0));
        let request = || {
            let (together, next) = (Arc::clone(&together), Arc::clone(&next));
            async move {
                together.wait().await;
                Ok::<_, ()>(next.fetch_add(1, Ordering::Relaxed))
            }
        };
        let mut run = Run::of(20, request, |_| {}).await.expect("no request fails");
        run.answers.sort_unstable();
        assert_eq!(run.answers, (0..20).collect::<Vec<_>>());
        assert!(run.latencies.iter().all(|latency| *latency <= run.total));
    }

    #[tokio::test]
    async fn a_failure_is_returned() {
        let run = Run::<()>::of(2, || async { Err("no database") }, |_| {}).await;
        assert_eq!(run.err(), Some("no database"));
    }
}
