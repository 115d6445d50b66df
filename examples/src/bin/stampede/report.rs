//! The result, for people and for programs.

use std::fmt;
use std::time::Duration;

use cachefence_examples::times::{milliseconds, percentile};
use serde_json::json;

/// Both ways side by side.
pub(crate) struct Report {
    pub(crate) requests: usize,
    pub(crate) store: &'static str,
    pub(crate) rows: u64,
    pub(crate) query_time: Duration,
    pub(crate) naive: Side,
    pub(crate) cached: Side,
}

/// What the requests cost one way.
pub(crate) struct Side {
    queries: u64,
    p50: Duration,
    p99: Duration,
    total: Duration,
}

impl Side {
    pub(crate) fn new(queries: u64, mut latencies: Vec<Duration>, total: Duration) -> Self {
        latencies.sort_unstable();
        Self { queries, p50: percentile(&latencies, 50), p99: percentile(&latencies, 99), total }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "queries": self.queries,
            "p50_ms": milliseconds(self.p50),
            "p99_ms": milliseconds(self.p99),
            "total_ms": milliseconds(self.total),
        })
    }
}

impl Report {
    /// Returns one JSON object on one line.
    pub(crate) fn json(&self) -> String {
        json!({
            "requests": self.requests,
            "store": self.store,
            "rows": self.rows,
            "query_ms": milliseconds(self.query_time),
            "naive": self.naive.json(),
            "cachefence": self.cached.json(),
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, store, rows, query_time, naive, cached } = self;
        let query_time = milliseconds(*query_time);
        writeln!(f, "requests: {requests} at once, for one cold key")?;
        writeln!(f, "cache:    {store}")?;
        writeln!(
            f,
            "query:    {query_time:.1} ms alone, over {rows} rows in SQLite, which counts the queries"
        )?;
        writeln!(f)?;
        writeln!(f, "{:10}  {:>7}  {:>11}  {:>11}  {:>11}", "", "queries", "p50", "p99", "total")?;
        for (name, side) in [("naive", naive), ("cachefence", cached)] {
            let [p50, p99, total] = [side.p50, side.p99, side.total].map(milliseconds);
            writeln!(
                f,
                "{name:10}  {:>7}  {p50:>8.1} ms  {p99:>8.1} ms  {total:>8.1} ms",
                side.queries
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Report, Side};

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        milliseconds.into_iter().map(Duration::from_millis).collect()
    }

    fn report() -> Report {
        Report {
            requests: 500,
            store: "memory",
            rows: 80_000,
            query_time: Duration::from_millis(28),
            naive: Side::new(500, times((1..=500).rev()), Duration::from_secs(7)),
            cached: Side::new(1, times([29; 500]), Duration::from_micros(31_250)),
        }
    }

    #[test]
    fn the_table_is_aligned() {
        let table = report().to_string();
        let table: Vec<&str> = table.lines().skip(4).collect();
        assert_eq!(
            table,
            [
                "            queries          p50          p99        total",
                "naive           500     250.0 ms     495.0 ms    7000.0 ms",
                "cachefence        1      29.0 ms      29.0 ms      31.2 ms",
            ]
        );
    }

    #[test]
    fn the_json_is_one_line() {
        let json = report().json();
        assert!(!json.contains('\n'));
        let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        assert_eq!(json["requests"], 500);
        assert_eq!(json["store"], "memory");
        assert_eq!(json["naive"]["queries"], 500);
        assert_eq!(json["cachefence"]["queries"], 1);
        assert_eq!(json["cachefence"]["total_ms"], 31.25);
        assert_eq!(json["naive"]["p99_ms"], 495.0);
    }
}
