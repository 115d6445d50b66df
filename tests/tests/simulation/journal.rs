//! What happened in a run, for the person who has to understand why it failed.

use std::fmt;
use std::time::Duration;

/// How many events a failure shows.
const SHOWN: usize = 120;

#[derive(Default)]
pub(crate) struct Journal {
    events: Vec<Event>,
    /// Where the first violation is.
    failed: Option<usize>,
}

pub(crate) struct Event {
    pub(crate) at: Duration,
    /// `None` if it concerns all of them.
    pub(crate) key: Option<usize>,
    pub(crate) what: What,
}

/// A worker, and how often it has been restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) worker: usize,
    pub(crate) life: u64,
}

pub(crate) enum What {
    Nemesis(String),
    Started(Who),
    Called { who: Who, call: u64, floor: u64, how: String },
    Read { who: Who, call: u64, version: u64 },
    Ended { who: Who, call: u64, end: String },
    Committed { who: Who, version: u64 },
    Told { who: Who, how: &'static str, version: u64, accepted: bool },
    Served { from: String, op: &'static str, token: String, outcome: String },
    Violation(String),
}

impl Journal {
    pub(crate) fn note(&mut self, event: Event) {
        if matches!(event.what, What::Violation(_)) && self.failed.is_none() {
            self.failed = Some(self.events.len());
        }
        self.events.push(event);
    }

    pub(crate) fn failed(&self) -> bool {
        self.failed.is_some()
    }

    /// All that happened.
    pub(crate) fn all(&self) -> Vec<String> {
        self.events.iter().map(ToString::to_string).collect()
    }

    /// The first violation, with the last events before it that concern its key.
    pub(crate) fn failure(&self) -> Option<String> {
        let until = self.failed?;
        let key = self.events[until].key;
        let concerns = |event: &&Event| key.is_none() || event.key.is_none() || event.key == key;
        let last = self.events[..=until].iter().rev().filter(concerns).take(SHOWN);
        let mut lines: Vec<_> = last.map(ToString::to_string).collect();
        lines.reverse();
        Some(lines.join("\n"))
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker{}", self.worker)?;
        if self.life > 0 { write!(f, ".{}", self.life) } else { Ok(()) }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} ms  ", self.at.as_millis())?;
        match self.key {
            Some(key) => write!(f, "k{key}  ")?,
            None => f.write_str("--  ")?,
        }
        match &self.what {
            What::Nemesis(trouble) => write!(f, "nemesis: {trouble}"),
            What::Started(who) => write!(f, "{who} starts"),
            What::Called { who, call, floor, how } => {
                write!(f, "{who} #{call} calls ({how}); the floor is {floor}")
            }
            What::Read { who, call, version } => write!(f, "{who} #{call} reads version {version}"),
            What::Ended { who, call, end } => write!(f, "{who} #{call} {end}"),
            What::Committed { who, version } => write!(f, "{who} commits version {version}"),
            What::Told { who, how, version, accepted } => {
                let end = if *accepted { "returned Ok" } else { "failed or was dropped" };
                write!(f, "{who} {how} for version {version} {end}")
            }
            What::Served { from, op, token, outcome } => {
                write!(f, "  store: {from} {op} {token} -> {outcome}")
            }
            What::Violation(violation) => write!(f, "VIOLATION: {violation}"),
        }
    }
}
