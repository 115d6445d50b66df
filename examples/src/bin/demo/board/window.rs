//! Figures over the last seconds, in buckets of a quarter second.

use std::collections::VecDeque;
use std::time::Duration;

use cachefence_examples::times::{milliseconds, percentile};
use serde::Serialize;

/// The length of a bucket.
pub(crate) const BUCKET: Duration = Duration::from_millis(250);
/// How many buckets figures are over.
const BUCKETS: usize = 40;

/// What one side did of late, and in all.
#[derive(Default)]
pub(super) struct Window {
    current: Bucket,
    closed: VecDeque<Bucket>,
    pub(super) totals: Totals,
}

#[derive(Default)]
struct Bucket {
    queries: u64,
    errors: u64,
    latencies: Vec<Duration>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) queries: u64,
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) old_answers: u64,
}

/// One bucket, as charts show it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Closed {
    pub(super) queries: u64,
    pub(super) p99: f64,
}

/// How many queries there were in how many seconds, figures per second, and the 99th percentile of all answers, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    pub(super) queries: u64,
    pub(super) seconds: f64,
    pub(super) qps: f64,
    pub(super) errors: f64,
    pub(super) p99: f64,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Right,
    /// A value that had been invalidated before the request began.
    Old,
    Error,
}

impl Window {
    pub(super) fn queries(&mut self, queries: u64) {
        self.current.queries += queries;
        self.totals.queries += queries;
    }

    pub(super) fn answered(&mut self, latency: Duration, answer: Answer) {
        self.current.latencies.push(latency);
        self.totals.requests += 1;
        match answer {
            Answer::Right => {}
            Answer::Old => self.totals.old_answers += 1,
            Answer::Error => {
                self.current.errors += 1;
                self.totals.errors += 1;
            }
        }
    }

    /// Begins the next bucket; returns the one that is over. `waiting` are the times of requests that are under way: no
    /// answer tells of them yet, and least of all while nobody is answered.
    pub(super) fn close(&mut self, waiting: &[Duration]) -> Closed {
        let bucket = std::mem::take(&mut self.current);
        let closed =
            Closed { queries: bucket.queries, p99: p99([&bucket.latencies[..], waiting].concat()) };
        if self.closed.len() == BUCKETS {
            self.closed.pop_front();
        }
        self.closed.push_back(bucket);
        closed
    }

    /// Over the buckets that are over, and those who wait.
    pub(super) fn figures(&self, waiting: &[Duration]) -> Figures {
        let answered = self.closed.iter().flat_map(|bucket| &bucket.latencies);
        let sum = |count: fn(&Bucket) -> u64| self.closed.iter().map(count).sum::<u64>();
        let queries = sum(|bucket| bucket.queries);
        let seconds = (BUCKET * u32::try_from(self.closed.len()).unwrap_or(u32::MAX)).as_secs_f64();
        Figures {
            queries,
            seconds,
            qps: per_second(queries, seconds),
            errors: per_second(sum(|bucket| bucket.errors), seconds),
            p99: p99(answered.chain(waiting).copied().collect()),
        }
    }
}

#[allow(clippy::cast_precision_loss)] // counts of seconds
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds.max(BUCKET.as_secs_f64())
}

fn p99(mut latencies: Vec<Duration>) -> f64 {
    latencies.sort_unstable();
    milliseconds(percentile(&latencies, 99))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Answer, Closed, Figures, Window};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn figures_are_per_second() {
        let mut window = Window::default();
        assert_eq!(window.figures(&[]), Figures::default());
        window.queries(3);
        window.answered(7 * MS, Answer::Right);
        window.answered(9 * MS, Answer::Error);
        assert_eq!(window.close(&[MS]), Closed { queries: 3, p99: 9.0 });
        window.queries(1);
        assert_eq!(window.close(&[]), Closed { queries: 1, ..Closed::default() });
        let half_a_second = Figures { queries: 4, seconds: 0.5, qps: 8.0, errors: 2.0, p99: 9.0 };
        assert_eq!(window.figures(&[]), half_a_second);
    }

    #[test]
    fn those_who_wait_count_before_they_are_answered() {
        let mut window = Window::default();
        assert_eq!(window.close(&[9 * MS]), Closed { queries: 0, p99: 9.0 });
        let quarter = Figures { seconds: 0.25, ..Figures::default() };
        assert_eq!(window.figures(&[10 * MS]), Figures { p99: 10.0, ..quarter });
        assert_eq!(window.figures(&[]), quarter);
    }

    #[test]
    fn figures_forget_and_totals_do_not() {
        let mut window = Window::default();
        window.queries(80);
        window.answered(9 * MS, Answer::Old);
        for _ in 0..40 {
            window.close(&[]);
        }
        let nothing = Figures { seconds: 10.0, ..Figures::default() };
        assert_eq!(window.figures(&[]), Figures { queries: 80, qps: 8.0, p99: 9.0, ..nothing });
        window.close(&[]);
        assert_eq!(window.figures(&[]), nothing);
        let totals = window.totals;
        assert_eq!((totals.queries, totals.requests, totals.old_answers), (80, 1, 1));
    }
}
