//! Everything that is known about the demo, put together from what workers and visitors tell.

mod log;
mod place;
mod state;
mod view;
mod window;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use cachefence_examples::lock;
use tokio::sync::watch;

use self::state::{LastLead, State};
use self::view::{SideView, StoreView};
use crate::fleet::WORKERS;
use crate::message::Message;
use crate::visitors::Visitors;

pub(crate) use self::log::Kind;
pub(crate) use self::place::PerSide;
pub(crate) use self::view::{Buttons, DatabaseView, StoreInfo, View};
pub(crate) use self::window::{Answer, BUCKET};

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

/// The worker that leads a load of the fenced side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leader {
    pub(crate) slot: usize,
    pub(crate) pid: u32,
}

pub(crate) struct Board {
    start: Instant,
    visitors: Visitors,
    /// How many orders a right answer tells of, at least.
    expected_orders: AtomicU64,
    /// The one that leads now.
    leader: watch::Sender<Option<Leader>>,
    /// How many workers serve.
    serving: watch::Sender<usize>,
    state: Mutex<State>,
}

impl Board {
    pub(crate) fn new(store: StoreInfo, database: DatabaseView, visitors: Visitors) -> Self {
        Self {
            start: Instant::now(),
            visitors,
            expected_orders: AtomicU64::new(0),
            leader: watch::Sender::new(None),
            serving: watch::Sender::new(0),
            state: Mutex::new(State::new(store, database)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
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

    pub(crate) fn expected_orders(&self) -> u64 {
        self.expected_orders.load(Ordering::Acquire)
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
        state.worker_died(slot, self.now());
        self.tell(&state);
    }

    pub(crate) fn message(&self, slot: usize, message: Message) {
        let mut state = self.state();
        state.message(slot, message, self.now());
        self.tell(&state);
    }

    /// Tells those who wait for workers to serve or to lead.
    fn tell(&self, state: &State) {
        let (serving, leader) = (state.ports().count(), state.leader());
        self.serving.send_if_modified(|known| std::mem::replace(known, serving) != serving);
        self.leader.send_if_modified(|known| std::mem::replace(known, leader) != leader);
    }

    // What the buttons change and ask.

    /// The worker that leads now, and each that leads from now on.
    pub(crate) fn leader(&self) -> watch::Receiver<Option<Leader>> {
        self.leader.subscribe()
    }

    pub(crate) fn happened(&self, kind: Kind, text: impl Into<String>) {
        self.state().log.push(self.now(), kind, None, text.into());
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

    pub(crate) fn set_expected_orders(&self, orders: u64) {
        self.expected_orders.store(orders, Ordering::Release);
    }

    pub(crate) fn set_database(&self, change: impl FnOnce(&mut DatabaseView)) {
        change(&mut self.state().database);
    }

    pub(crate) fn set_redis_up(&self, up: bool) {
        self.state().redis_up = up;
    }

    /// Ends a quarter of a second.
    pub(crate) fn tick(&self) {
        let waiting = PerSide {
            naive: self.visitors.waits(Side::Naive),
            fenced: self.visitors.waits(Side::Fenced),
        };
        self.state().sample(&waiting, self.now());
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
            leader: state.leader_view(),
            last_lead: state.last_lead.as_ref().map(LastLead::view),
            workers: workers.collect(),
            samples: state.samples.iter().filter(|it| it.seq > samples_since).cloned().collect(),
            events: state.log.events.iter().filter(|it| it.seq > events_since).cloned().collect(),
        }
    }

    fn side(&self, state: &State, side: Side) -> SideView {
        let window = state.sides.of(side);
        let figures = window.figures(&self.visitors.waits(side));
        let mut view = SideView::new(figures, window.totals, self.visitors.letters(side));
        if side == Side::Fenced {
            (view.early_total, view.stale_total) = (state.early_total, state.stale_total);
        }
        view
    }
}
