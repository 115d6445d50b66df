//! What is known now, and how it changes with what is told.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cachefence_examples::times::milliseconds;

use super::log::{Kind, Log};
use super::place::{PerSide, Place};
use super::view::{LastLeadView, LeaderView, Sample};
use super::window::Window;
use super::{DatabaseView, Leader, StoreInfo};
use crate::fleet::WORKERS;
use crate::message::Message;

/// How many samples the page can ask for: those of a minute.
const SAMPLES: usize = 240;

pub(super) struct State {
    pub(super) store: StoreInfo,
    pub(super) redis_up: bool,
    pub(super) database: DatabaseView,
    pub(super) sides: PerSide<Window>,
    pub(super) workers: [Place; WORKERS],
    pub(super) last_lead: Option<LastLead>,
    pub(super) early_total: u64,
    pub(super) stale_total: u64,
    pub(super) samples: VecDeque<Sample>,
    samples_so_far: u64,
    pub(super) log: Log,
}

/// A load under the lease that is over.
pub(super) struct LastLead {
    pid: u32,
    ended: Instant,
    took_ms: f64,
    early: bool,
    end: String,
}

impl State {
    pub(super) fn new(store: StoreInfo, database: DatabaseView) -> Self {
        Self {
            redis_up: store.kind == "redis",
            store,
            database,
            sides: PerSide::default(),
            workers: Default::default(),
            last_lead: None,
            early_total: 0,
            stale_total: 0,
            samples: VecDeque::new(),
            samples_so_far: 0,
            log: Log::default(),
        }
    }

    pub(super) fn worker_died(&mut self, slot: usize, now: f64) {
        let pid = self.workers[slot].pid;
        if self.workers[slot].leads_since.is_some() {
            self.end_lead(slot, "died".to_owned(), None);
        }
        self.workers[slot].die();
        if let Some(pid) = pid {
            self.log.push(now, Kind::Died, Some(pid), format!("Process {pid} is gone."));
        }
    }

    /// Takes in what a worker tells.
    pub(super) fn message(&mut self, slot: usize, message: Message, now: f64) {
        let worker = &mut self.workers[slot];
        let Some(pid) = worker.pid else { return };
        let happened = match message {
            Message::Listening { port } => {
                worker.port = Some(port);
                Some((Kind::Started, format!("Process {pid} serves.")))
            }
            Message::LoadBegan { bypass: None } => {
                (worker.leads_since, worker.early) = (Some(Instant::now()), false);
                None
            }
            Message::LoadBegan { bypass: Some(reason) } => {
                let text = format!("Process {pid} queries without a lease: {}.", plain(&reason));
                Some((Kind::Bypass, text))
            }
            Message::Early => {
                worker.early = true;
                self.early_total += 1;
                let text = format!("Process {pid} was drawn to refresh the value early.");
                Some((Kind::Early, text))
            }
            Message::LoadOver { outcome, bypass: None, took_ms } => {
                let happened = load_over(pid, &outcome, worker.early, took_ms);
                self.end_lead(slot, outcome, Some(took_ms));
                happened
            }
            Message::LoadOver { bypass: Some(_), .. } => None,
            Message::Counts(counts) => {
                self.stale_total += counts.stale - worker.counts.stale;
                let queries = worker.count(counts);
                self.sides.naive.queries(queries.naive);
                self.sides.fenced.queries(queries.fenced);
                None
            }
        };
        if let Some((kind, text)) = happened {
            self.log.push(now, kind, Some(pid), text);
        }
    }

    /// Ends a quarter of a second.
    pub(super) fn sample(&mut self, waiting: &PerSide<Vec<Duration>>, now: f64) {
        self.samples_so_far += 1;
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            seq: self.samples_so_far,
            t: now,
            sides: PerSide {
                naive: self.sides.naive.close(&waiting.naive),
                fenced: self.sides.fenced.close(&waiting.fenced),
            },
            ttl: std::array::from_fn(|slot| self.workers[slot].ttl()),
        });
    }

    pub(super) fn ports(&self) -> impl Iterator<Item = u16> {
        self.workers.iter().filter_map(|worker| worker.port)
    }

    pub(super) fn leader(&self) -> Option<Leader> {
        let leads = |worker: &Place| worker.leads_since.and(worker.pid);
        let leader = |(slot, worker)| Some(Leader { slot, pid: leads(worker)? });
        self.workers.iter().enumerate().find_map(leader)
    }

    pub(super) fn leader_view(&self) -> Option<LeaderView> {
        let Leader { slot, pid } = self.leader()?;
        Some(LeaderView { pid, ms: milliseconds(self.workers[slot].leads_since?.elapsed()) })
    }

    fn end_lead(&mut self, slot: usize, end: String, took_ms: Option<f64>) {
        let worker = &mut self.workers[slot];
        let began = worker.leads_since.take();
        let Some(pid) = worker.pid else { return };
        let measured = || began.map_or(0.0, |began| milliseconds(began.elapsed()));
        self.last_lead = Some(LastLead {
            pid,
            ended: Instant::now(),
            took_ms: took_ms.unwrap_or_else(measured),
            early: worker.early,
            end,
        });
    }

    pub(super) fn store_up(&self) -> bool {
        match (self.store.kind, self.store.owned) {
            ("memory", _) => true,
            (_, true) => self.redis_up,
            (_, false) => !self.workers.iter().any(|worker| worker.counts.store == "down"),
        }
    }
}

impl LastLead {
    pub(super) fn view(&self) -> LastLeadView {
        LastLeadView {
            pid: self.pid,
            ago: self.ended.elapsed().as_secs_f64(),
            ms: self.took_ms,
            why: if self.early { "early" } else { "miss" },
            end: plain(&self.end),
        }
    }
}

/// The line of the log for a load under the lease that is over.
fn load_over(pid: u32, outcome: &str, early: bool, took_ms: f64) -> Option<(Kind, String)> {
    if outcome != "stored" {
        let text = format!("The load of process {pid} ended: {}.", plain(outcome));
        return Some((Kind::Failed, text));
    }
    // An early refresh was told of when it was drawn.
    let text = || format!("Process {pid} loaded the value in {took_ms:.0} ms, for all.");
    (!early).then(|| (Kind::Miss, text()))
}

/// A name of the library's counts, in words.
fn plain(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::{DatabaseView, Kind, Leader, Message, PerSide, State, StoreInfo};
    use crate::message::Counts;

    /// Two workers that run.
    fn state() -> State {
        let store = StoreInfo { kind: "redis", owned: true, ..StoreInfo::default() };
        let mut state = State::new(store, DatabaseView::default());
        for (slot, pid) in [(0, 10), (1, 11)] {
            state.workers[slot].start(pid);
            state.message(slot, Message::Listening { port: 4_000 }, 0.0);
        }
        state
    }

    fn kinds(state: &State) -> Vec<Kind> {
        state.log.events.iter().skip(2).map(|event| event.kind).collect()
    }

    const BEGAN: Message = Message::LoadBegan { bypass: None };

    fn over(outcome: &str) -> Message {
        Message::LoadOver { outcome: outcome.to_owned(), bypass: None, took_ms: 90.0 }
    }

    #[test]
    fn a_worker_leads_from_the_beginning_of_its_load_to_the_end() {
        let mut state = state();
        assert_eq!(state.leader(), None);
        state.message(1, BEGAN, 1.0);
        assert_eq!(state.leader(), Some(Leader { slot: 1, pid: 11 }));
        assert_eq!(state.leader_view().map(|leader| leader.pid), Some(11));
        state.message(1, over("stored"), 1.1);
        assert_eq!(state.leader(), None);
        assert_eq!(kinds(&state), [Kind::Miss]);
        let last = state.last_lead.as_ref().expect("a load is over").view();
        assert_eq!((last.pid, last.why, last.end.as_str()), (11, "miss", "stored"));
    }

    #[test]
    fn an_early_refresh_is_counted_and_told_when_it_is_drawn() {
        let mut state = state();
        for message in [BEGAN, Message::Early, over("stored"), BEGAN, over("lease_lost")] {
            state.message(0, message, 1.0);
        }
        assert_eq!(state.early_total, 1);
        assert_eq!(kinds(&state), [Kind::Early, Kind::Failed]);
        let last = state.last_lead.as_ref().expect("a load is over").view();
        assert_eq!((last.why, last.end.as_str()), ("miss", "lease lost"));
    }

    #[test]
    fn a_load_without_a_lease_leads_nobody() {
        let mut state = state();
        let bypass = || Some("store_down".to_owned());
        state.message(0, Message::LoadBegan { bypass: bypass() }, 1.0);
        assert_eq!(state.leader(), None);
        let outcome = "not_cached".to_owned();
        state.message(0, Message::LoadOver { outcome, bypass: bypass(), took_ms: 90.0 }, 1.1);
        assert!(state.last_lead.is_none());
        assert_eq!(kinds(&state), [Kind::Bypass]);
    }

    #[test]
    fn a_leader_that_dies_leads_no_more_and_its_queries_stay_counted() {
        let mut state = state();
        let counts = |naive_queries| Counts { naive_queries, ..Counts::default() };
        state.message(0, Message::Counts(counts(7)), 1.0);
        state.message(0, BEGAN, 1.0);
        state.worker_died(0, 1.1);
        assert_eq!(state.leader(), None);
        let last = state.last_lead.as_ref().expect("a load is over").view();
        assert_eq!((last.pid, last.end.as_str()), (10, "died"));
        assert_eq!(state.ports().count(), 1);

        state.workers[0].start(12);
        state.message(0, Message::Counts(counts(2)), 2.0);
        assert_eq!(state.sides.naive.totals.queries, 9);
        state.sample(&PerSide::default(), 2.1);
        assert_eq!(state.samples[0].sides.naive.queries, 9);
    }

    #[test]
    fn a_redis_of_others_is_down_when_a_worker_says_so() {
        let mut state = state();
        state.store.owned = false;
        assert!(state.store_up());
        let counts = Counts { store: "down".to_owned(), ..Counts::default() };
        state.message(1, Message::Counts(counts), 1.0);
        assert!(!state.store_up());
    }
}
