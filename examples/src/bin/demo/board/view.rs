//! The state as the page asks for it; the names are those of the JSON.

use serde::Serialize;

use super::log::Event;
use super::place::{PerSide, WorkerView};
use super::window::{Closed, Figures, Totals};

use crate::buttons::Press;
use crate::fleet::WORKERS;

#[derive(Serialize)]
pub(crate) struct View {
    pub(super) now: f64,
    pub(super) store: StoreView,
    pub(super) database: DatabaseView,
    pub(super) buttons: Buttons,
    pub(super) sides: PerSide<SideView>,
    pub(super) leader: Option<LeaderView>,
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
    /// How long each query pauses now.
    pub(crate) pause_ms: u128,
}

#[derive(Serialize)]
pub(super) struct SideView {
    #[serde(flatten)]
    pub(super) figures: Figures,
    pub(super) waiting: usize,
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
pub(super) struct LeaderView {
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
    pub(crate) on: bool,
    /// Why the button cannot act; empty if it can.
    pub(crate) why: &'static str,
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
            expire: Button { on: false, why: cached },
            invalidate: Button { on: false, why: cached },
            kill_leader: Button { on: false, why: leased },
            redis: Button { on: stopped, why: redis },
            slow: Button { on: database.slow, why: "" },
            failing: Button { on: database.failing, why: "" },
        }
    }

    pub(crate) fn of(&self, press: Press) -> &Button {
        match press {
            Press::Expire => &self.expire,
            Press::Invalidate => &self.invalidate,
            Press::KillLeader => &self.kill_leader,
            Press::Redis => &self.redis,
            Press::Slow => &self.slow,
            Press::Failing => &self.failing,
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
            assert_ne!(buttons.redis.why, "");
            assert_eq!((buttons.expire.why, buttons.kill_leader.why), ("", ""));
        }
        assert_eq!(buttons("redis", true, true).redis.why, "");
    }

    #[test]
    fn nothing_is_cached_while_redis_is_stopped() {
        let buttons = buttons("redis", true, false);
        assert!(buttons.redis.on && buttons.redis.why.is_empty());
        for button in [buttons.expire, buttons.invalidate, buttons.kill_leader] {
            assert!(button.why.contains("stopped"));
        }
        assert!(buttons.slow.on && !buttons.failing.on);
    }

    #[test]
    fn names_are_those_of_the_page() {
        let json = serde_json::json!(buttons("redis", true, true));
        assert_eq!(json["kill-leader"]["why"], "");
    }
}
