//! The events that the timeline marks, and that the list below it tells.

use std::collections::VecDeque;

use serde::Serialize;

/// How many events are kept.
const EVENTS: usize = 300;

/// Events of one of the kinds that may come in floods are this far apart, in seconds.
const FLOOD_APART: f64 = 1.0;

#[derive(Default)]
pub(super) struct Log {
    pub(super) events: VecDeque<Event>,
    seq: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Event {
    pub(super) seq: u64,
    /// In seconds since the start.
    pub(super) t: f64,
    pub(super) kind: Kind,
    pub(super) pid: Option<u32>,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Early,
    Miss,
    Failed,
    Bypass,
    Died,
    Started,
    Expire,
    Invalidate,
    Kill,
    RedisStop,
    RedisStart,
    SlowOn,
    SlowOff,
    FailingOn,
    FailingOff,
}

impl Log {
    pub(super) fn push(&mut self, t: f64, kind: Kind, pid: Option<u32>, text: String) {
        let floods = matches!(kind, Kind::Failed | Kind::Bypass);
        if floods && self.last(kind).is_some_and(|last| t - last < FLOOD_APART) {
            return;
        }
        self.seq += 1;
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Event { seq: self.seq, t, kind, pid, text });
    }

    fn last(&self, kind: Kind) -> Option<f64> {
        self.events.iter().rev().find(|event| event.kind == kind).map(|event| event.t)
    }
}

#[cfg(test)]
mod tests {
    use super::{EVENTS, Kind, Log};

    #[test]
    fn the_log_is_bounded_and_numbered() {
        let mut log = Log::default();
        for _ in 0..=EVENTS {
            log.push(1.0, Kind::Early, None, String::new());
        }
        let seqs: Vec<u64> = log.events.iter().map(|event| event.seq).collect();
        assert_eq!((seqs.len(), seqs[0], seqs[EVENTS - 1]), (EVENTS, 2, EVENTS as u64 + 1));
    }

    #[test]
    fn a_flood_is_told_once_a_second() {
        let mut log = Log::default();
        for t in [1.0, 1.5, 1.99, 2.0, 2.5] {
            log.push(t, Kind::Bypass, None, String::new());
            log.push(t, Kind::Died, None, String::new());
        }
        let of = |kind| log.events.iter().filter(|event| event.kind == kind).count();
        assert_eq!((of(Kind::Bypass), of(Kind::Died)), (2, 5));
        assert_eq!(serde_json::json!(Kind::RedisStop), "redis-stop");
    }
}
