//! Events as metrics, through the `metrics` facade.
//!
//! The names are `cachefence_..`, the labels those of the [`Event`]s. A template is a label, and a key never
//! is, so there are as many series as functions, and not as keys.

use metrics::{Unit, counter, gauge, histogram};

use super::{Event, Observe};

/// Gives the events of one cache to the recorder that is installed.
pub(super) struct Metrics {
    cache: metrics::SharedString,
}

impl Metrics {
    /// The metrics of the cache with this `name`.
    pub(super) fn new(name: &str) -> Self {
        describe();
        let cache: metrics::SharedString = name.to_owned().into();
        gauge!("cachefence_breaker_open", "cache" => cache.clone()).set(0);
        pending_changed(name, 0.0);
        Self { cache }
    }
}

impl Observe for Metrics {
    fn on_event(&self, event: &Event<'_>) {
        let cache = || self.cache.clone();
        match *event {
            Event::Request { template, result, waited } => {
                counter!("cachefence_requests_total",
                    "cache" => cache(), "template" => template, "result" => result.as_str())
                .increment(1);
                if let Some(waited) = waited {
                    histogram!("cachefence_wait_seconds",
                        "cache" => cache(), "template" => template)
                    .record(waited);
                }
            }
            Event::LoadBegan { template, bypass } => {
                gauge!("cachefence_loads_under_way", "cache" => cache(), "template" => template)
                    .increment(1);
                if let Some(reason) = bypass {
                    counter!("cachefence_bypasses_total",
                        "cache" => cache(), "template" => template, "reason" => reason.as_str())
                    .increment(1);
                }
            }
            Event::Load { template, outcome, took, .. } => {
                gauge!("cachefence_loads_under_way", "cache" => cache(), "template" => template)
                    .decrement(1);
                counter!("cachefence_loads_total",
                    "cache" => cache(), "template" => template, "outcome" => outcome.as_str())
                .increment(1);
                histogram!("cachefence_load_seconds", "cache" => cache(), "template" => template)
                    .record(took);
            }
            Event::Operation { operation, took, .. } => {
                histogram!("cachefence_store_seconds",
                    "cache" => cache(), "operation" => operation.as_str())
                .record(took);
            }
            Event::StoreFailed { operation, .. } => {
                counter!("cachefence_store_failures_total",
                    "cache" => cache(), "operation" => operation.as_str())
                .increment(1);
            }
            _ => {}
        }
        if let Some(trouble) = event.trouble() {
            counter!("cachefence_troubles_total", "cache" => cache(), "trouble" => trouble.as_str())
                .increment(1);
        }
    }
}

/// Changes the number of pending invalidations of the cache with this `name`. Events do not tell of them.
pub(super) fn pending_changed(name: &str, by: f64) {
    gauge!("cachefence_pending_invalidations", "cache" => name.to_owned()).increment(by);
}

/// Sets how many servers of the cache with this `name` are left alone.
#[cfg(feature = "redis")]
pub(super) fn outages_changed(name: &str, under_way: usize) {
    let under_way = u32::try_from(under_way).unwrap_or(u32::MAX);
    gauge!("cachefence_breaker_open", "cache" => name.to_owned()).set(under_way);
}

/// Tells the recorder what the metrics are. A recorder that is installed later does without.
fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("cachefence_requests_total", "Calls, by how they were served.");
    describe_counter!("cachefence_loads_total", "Runs of a body, by how they ended.");
    describe_counter!("cachefence_bypasses_total", "Runs of a body without the lease, by reason.");
    describe_counter!("cachefence_store_failures_total", "Store operations that failed.");
    describe_counter!("cachefence_troubles_total", "Troubles that cost no call its result.");
    describe_gauge!("cachefence_loads_under_way", "Bodies that run now.");
    describe_gauge!("cachefence_pending_invalidations", "Invalidations that wait for the store.");
    describe_gauge!("cachefence_breaker_open", "Servers whose circuit breaker is open.");
    describe_histogram!("cachefence_load_seconds", Unit::Seconds, "How long bodies ran.");
    describe_histogram!(
        "cachefence_wait_seconds",
        Unit::Seconds,
        "How long calls waited for other callers' loads."
    );
    describe_histogram!("cachefence_store_seconds", Unit::Seconds, "How long operations took.");
}
