//! Everything that is known about the demo, put together from what workers and visitors tell.

mod log;
mod view;
mod window;
mod worker;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cachefence_examples::times::milliseconds;
use tokio::sync::watch;

use self::log::Log;
use self::view::{LastLeadView, Leader, SideView, StoreView};
use self::window::Window;
use self::worker::Worker;
use crate::fleet::WORKERS;
use crate::message::Message;
use crate::visitors::Visitors;

pub(crate) use self::log::Kind;
pub(crate) use self::view::{Buttons, DatabaseView, StoreInfo, View};
pub(crate) use self::window::{Answer, BUCKET};
pub(crate) use self::worker::PerSide;

/// How many samples the page can ask for: those of a minute.
const SAMPLES: usize = 240;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Naive,
    Fenced,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Naive, Self::Fenced];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Fenced => "fenced",
        }
    }
}

impl<T> PerSide<T> {
    pub(crate) fn of(&self, side: Side) -> &T {
        match side {
            Side::Naive => &self.naive,
            Side::Fenced => &self.fenced,
        }
    }

    fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Naive => &mut self.naive,
            Side::Fenced => &mut self.fenced,
        }
    }
}

pub(crate) struct Board {
    start: Instant,
    visitors: Visitors,
    /// How many orders a right answer tells of, at least.
    orders: AtomicU64,
    /// The worker that leads a load of the fenced side now.
    leader: watch::Sender<Option<usize>>,
    /// How many workers serve.
    serving: watch::Sender<usize>,
    state: Mutex<State>,
}

struct State {
    store: StoreInfo,
    redis_up: bool,
    database: DatabaseView,
    sides: PerSide<Window>,
    workers: [Worker; WORKERS],
    last_lead: Option<LastLead>,
    early_total: u64,
    stale_total: u64,
    samples: VecDeque<view::Sample>,
    samples_so_far: u64,
    log: Log,
}

struct LastLead {
    pid: u32,
    ended: Instant,
    took_ms: f64,
    early: bool,
    end: String,
}

impl Board {
    pub(crate) fn new(store: StoreInfo, database: DatabaseView, visitors: Visitors) -> Self {
        let state = State {
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
        };
        Self {
            start: Instant::now(),
            visitors,
            orders: AtomicU64::new(0),
            leader: watch::Sender::new(None),
            serving: watch::Sender::new(0),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    // What visitors ask and tell.

    /// The place and the port of a worker that runs; another for each turn.
    pub(crate) fn worker(&self, turn: usize) -> Option<(usize, u16)> {
        let state = self.state();
        let running = |slot: usize| state.workers[slot].port.map(|port| (slot, port));
        (0..WORKERS).find_map(|offset| running((turn + offset) % WORKERS))
    }

    pub(crate) fn orders(&self) -> u64 {
        self.orders.load(Ordering::Acquire)
    }

    pub(crate) fn answered(&self, side: Side, latency: Duration, answer: Answer) {
        self.state().sides.of_mut(side).answered(latency, answer);
    }

    // What workers tell.

    pub(crate) fn worker_started(&self, slot: usize, pid: u32) {
        self.state().workers[slot].start(pid);
    }

    pub(crate) fn worker_died(&self, slot: usize) {
        let mut state = self.state();
        let pid = state.workers[slot].pid;
        if state.workers[slot].leads_since.is_some() {
            state.end_lead(slot, "died".to_owned(), None);
        }
        state.workers[slot].die();
        if let Some(pid) = pid {
            state.log.push(self.now(), Kind::Died, Some(pid), format!("Process {pid} is gone."));
        }
        self.leader.send_replace(state.leader());
    }

    pub(crate) fn message(&self, slot: usize, message: Message) {
        let mut state = self.state();
        let now = self.now();
        let pid = state.workers[slot].pid;
        let name = pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string());
        match message {
            Message::Listening { port } => {
                state.workers[slot].port = Some(port);
                state.log.push(now, Kind::Started, pid, format!("Process {name} serves."));
                self.serving.send_replace(state.ports().count());
            }
            Message::LoadBegan { bypass: None } => {
                let worker = &mut state.workers[slot];
                (worker.leads_since, worker.early) = (Some(Instant::now()), false);
            }
            Message::LoadBegan { bypass: Some(reason) } => {
                let text = format!("Process {name} queries without a lease: {}.", plain(&reason));
                state.log.push(now, Kind::Bypass, pid, text);
            }
            Message::Early => {
                state.workers[slot].early = true;
                state.early_total += 1;
                let text = format!("Process {name} was drawn to refresh the value early.");
                state.log.push(now, Kind::Early, pid, text);
            }
            Message::LoadOver { outcome, bypass: None, took_ms } => {
                let early = state.workers[slot].early;
                if outcome != "stored" {
                    let text = format!("The load of process {name} ended: {}.", plain(&outcome));
                    state.log.push(now, Kind::Failed, pid, text);
                } else if !early {
                    let text =
                        format!("Process {name} loaded the value in {took_ms:.0} ms, for all.");
                    state.log.push(now, Kind::Miss, pid, text);
                }
                state.end_lead(slot, outcome, Some(took_ms));
            }
            Message::LoadOver { bypass: Some(_), .. } => {}
            Message::Counts(counts) => {
                let worker = &mut state.workers[slot];
                let stale = counts.stale - worker.counts.stale;
                let queries = worker.count(counts);
                state.stale_total += stale;
                state.sides.naive.queries(queries.naive);
                state.sides.fenced.queries(queries.fenced);
            }
        }
        let leader = state.leader();
        self.leader.send_if_modified(|known| std::mem::replace(known, leader) != leader);
    }

    // What the buttons change and ask.

    /// The place of the worker that leads now, and each that leads from now on.
    pub(crate) fn leader(&self) -> watch::Receiver<Option<usize>> {
        self.leader.subscribe()
    }

    pub(crate) fn happened(&self, kind: Kind, text: impl Into<String>) {
        self.state().log.push(self.now(), kind, None, text.into());
    }

    pub(crate) fn pid(&self, slot: usize) -> Option<u32> {
        self.state().workers[slot].pid
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.state().ports().collect()
    }

    /// Returns when every worker serves.
    pub(crate) async fn all_serve(&self) {
        let _ = self.serving.subscribe().wait_for(|serving| *serving == WORKERS).await;
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.state().workers.iter().filter_map(|worker| worker.pid).collect()
    }

    pub(crate) fn buttons(&self) -> Buttons {
        let state = self.state();
        Buttons::new(&state.store, state.redis_up, state.database)
    }

    pub(crate) fn is_memory(&self) -> bool {
        self.state().store.kind == "memory"
    }

    pub(crate) fn set_orders(&self, orders: u64) {
        self.orders.store(orders, Ordering::Release);
    }

    pub(crate) fn set_database(&self, change: impl FnOnce(&mut DatabaseView)) {
        change(&mut self.state().database);
    }

    pub(crate) fn set_redis_up(&self, up: bool) {
        self.state().redis_up = up;
    }

    /// Ends a quarter of a second.
    pub(crate) fn tick(&self) {
        let waiting = |side| self.visitors.waiting(side).iter().sum();
        let mut state = self.state();
        state.samples_so_far += 1;
        let sample = view::Sample {
            seq: state.samples_so_far,
            t: self.now(),
            sides: PerSide {
                naive: state.sides.naive.close(waiting(Side::Naive)),
                fenced: state.sides.fenced.close(waiting(Side::Fenced)),
            },
            ttl: std::array::from_fn(|slot| state.workers[slot].ttl()),
        };
        if state.samples.len() == SAMPLES {
            state.samples.pop_front();
        }
        state.samples.push_back(sample);
    }

    /// Everything, less the samples and events up to these.
    pub(crate) fn view(&self, samples_since: u64, events_since: u64) -> View {
        let waiting = Side::BOTH.map(|side| self.visitors.waiting(side));
        let state = self.state();
        let workers = state.workers.iter().enumerate().map(|(slot, worker)| {
            worker.view(slot, PerSide { naive: waiting[0][slot], fenced: waiting[1][slot] })
        });
        View {
            now: self.now(),
            store: StoreView { info: state.store.clone(), up: state.store_up() },
            database: state.database,
            buttons: Buttons::new(&state.store, state.redis_up, state.database),
            sides: PerSide {
                naive: self.side(&state, Side::Naive),
                fenced: self.side(&state, Side::Fenced),
            },
            leader: state.leader().and_then(|slot| state.leader_view(slot)),
            last_lead: state.last_lead.as_ref().map(LastLead::view),
            workers: workers.collect(),
            samples: state.samples.iter().filter(|it| it.seq > samples_since).cloned().collect(),
            events: state.log.events.iter().filter(|it| it.seq > events_since).cloned().collect(),
        }
    }

    fn side(&self, state: &State, side: Side) -> SideView {
        let window = state.sides.of(side);
        let mut view = SideView::new(window.figures(), window.totals, self.visitors.letters(side));
        let counts = state.workers.iter().map(|worker| &worker.counts);
        match side {
            Side::Naive => view.querying = counts.map(|counts| counts.naive_running).sum(),
            Side::Fenced => {
                view.querying = counts.map(|counts| counts.fenced_running).sum();
                (view.early_total, view.stale_total) = (state.early_total, state.stale_total);
            }
        }
        view
    }
}

impl State {
    fn ports(&self) -> impl Iterator<Item = u16> {
        self.workers.iter().filter_map(|worker| worker.port)
    }

    fn leader(&self) -> Option<usize> {
        self.workers.iter().position(|worker| worker.leads_since.is_some())
    }

    fn leader_view(&self, slot: usize) -> Option<Leader> {
        let Worker { pid, leads_since, .. } = &self.workers[slot];
        Some(Leader { pid: (*pid)?, ms: milliseconds(leads_since.as_ref()?.elapsed()) })
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

    fn store_up(&self) -> bool {
        match (self.store.kind, self.store.owned) {
            ("memory", _) => true,
            (_, true) => self.redis_up,
            (_, false) => !self.workers.iter().any(|worker| worker.counts.store == "down"),
        }
    }
}

impl LastLead {
    fn view(&self) -> LastLeadView {
        LastLeadView {
            pid: self.pid,
            ago: self.ended.elapsed().as_secs_f64(),
            ms: self.took_ms,
            why: if self.early { "early" } else { "miss" },
            end: plain(&self.end),
        }
    }
}

/// A name of the library's counts, in words.
fn plain(name: &str) -> String {
    name.replace('_', " ")
}
