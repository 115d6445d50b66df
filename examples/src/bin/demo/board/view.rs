//! The state as the page asks for it; the names are those of the JSON.

use serde::Serialize;

use super::log::Event;
use super::window::{Closed, Figures, Totals};
use super::worker::{PerSide, WorkerView};
use crate::fleet::WORKERS;

#[derive(Serialize)]
pub(crate) struct View {
    pub(super) now: f64,
    pub(super) store: StoreView,
    pub(super) database: DatabaseView,
    pub(super) buttons: Buttons,
    pub(super) sides: PerSide<SideView>,
    pub(super) leader: Option<Leader>,
    pub(super) last_lead: Option<LastLeadView>,
    pub(super) workers: Vec<WorkerView>,
    pub(super) samples: Vec<Sample>,
    pub(super) events: Vec<Event>,
}

/// Where the values are cached.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StoreInfo {
    pub(crate) kind: &'static str,
    /// Whether it is a Redis that the demo started.
    pub(crate) owned: bool,
    #[serde(rename = "where")]
    pub(crate) address: Option<String>,
    /// A sentence.
    pub(crate) note: String,
}

#[derive(Serialize)]
pub(super) struct StoreView {
    #[serde(flatten)]
    pub(super) info: StoreInfo,
    pub(super) up: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct DatabaseView {
    pub(crate) slow: bool,
    pub(crate) failing: bool,
    pub(crate) rows: u64,
    /// How long a query takes when nothing else runs.
    pub(crate) query_ms: f64,
}

#[derive(Serialize)]
pub(super) struct SideView {
    #[serde(flatten)]
    pub(super) figures: Figures,
    pub(super) waiting: usize,
    pub(super) querying: usize,
    pub(super) queries_total: u64,
    pub(super) requests_total: u64,
    pub(super) errors_total: u64,
    pub(super) old_answers_total: u64,
    pub(super) early_total: u64,
    pub(super) stale_total: u64,
    pub(super) visitors: String,
}

impl SideView {
    pub(super) fn new(figures: Figures, totals: Totals, visitors: String) -> Self {
        Self {
            figures,
            waiting: visitors.matches('w').count(),
            querying: 0,
            queries_total: totals.queries,
            requests_total: totals.requests,
            errors_total: totals.errors,
            old_answers_total: totals.old_answers,
            early_total: 0,
            stale_total: 0,
            visitors,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Leader {
    pub(super) pid: u32,
    pub(super) ms: f64,
}

#[derive(Serialize)]
pub(super) struct LastLeadView {
    pub(super) pid: u32,
    pub(super) ago: f64,
    pub(super) ms: f64,
    pub(super) why: &'static str,
    pub(super) end: String,
}

/// A quarter of a second.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sample {
    pub(super) seq: u64,
    pub(super) t: f64,
    #[serde(flatten)]
    pub(super) sides: PerSide<Closed>,
    /// For how long the value is still valid, as each worker sees it.
    pub(super) ttl: [Option<f64>; WORKERS],
}

/// What the buttons can do now.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Buttons {
    pub(crate) expire: Button,
    pub(crate) invalidate: Button,
    pub(crate) kill_leader: Button,
    pub(crate) redis: Button,
    pub(crate) slow: Button,
    pub(crate) failing: Button,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Button {
    pub(crate) enabled: bool,
    pub(crate) on: bool,
    /// Why the button cannot act; empty if it can.
    pub(crate) why: &'static str,
}

impl Button {
    fn new(on: bool, why: &'static str) -> Self {
        Self { enabled: why.is_empty(), on, why }
    }
}

impl Buttons {
    pub(super) fn new(store: &StoreInfo, redis_up: bool, database: DatabaseView) -> Self {
        let stopped = store.owned && !redis_up;
        let cached = if stopped { "Redis is stopped, so nothing is cached." } else { "" };
        let leased = if stopped { "Redis is stopped, so nobody holds a lease." } else { "" };
        let redis = match (store.kind, store.owned) {
            ("memory", _) => "There is no Redis: each worker caches in its own memory.",
            (_, false) => "This Redis is not the demo's own.",
            (_, true) => "",
        };
        Self {
            expire: Button::new(false, cached),
            invalidate: Button::new(false, cached),
            kill_leader: Button::new(false, leased),
            redis: Button::new(stopped, redis),
            slow: Button::new(database.slow, ""),
            failing: Button::new(database.failing, ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Buttons, DatabaseView, StoreInfo};

    fn buttons(kind: &'static str, owned: bool, redis_up: bool) -> Buttons {
        let store = StoreInfo { kind, owned, ..StoreInfo::default() };
        Buttons::new(&store, redis_up, DatabaseView { slow: true, ..DatabaseView::default() })
    }

    #[test]
    fn only_a_redis_of_its_own_can_be_stopped() {
        for (kind, owned) in [("memory", false), ("redis", false)] {
            let buttons = buttons(kind, owned, true);
            assert!(!buttons.redis.enabled && !buttons.redis.why.is_empty());
            assert!(buttons.expire.enabled && buttons.kill_leader.enabled);
        }
        assert!(buttons("redis", true, true).redis.enabled);
    }

    #[test]
    fn nothing_is_cached_while_redis_is_stopped() {
        let buttons = buttons("redis", true, false);
        assert!(buttons.redis.on && buttons.redis.enabled);
        for button in [buttons.expire, buttons.invalidate, buttons.kill_leader] {
            assert!(!button.enabled && button.why.contains("stopped"));
        }
        assert!(buttons.slow.on && buttons.slow.enabled && !buttons.failing.on);
    }

    #[test]
    fn names_are_those_of_the_page() {
        let json = serde_json::json!(buttons("redis", true, true));
        assert_eq!(json["kill-leader"]["enabled"], true);
    }
}
