//! Several processes that share one cache, and a database that a test holds in its hand.
//!
//! Each worker (`src/bin/worker.rs`) is a real process with a `CacheFence` of its own. It does what it is told over
//! its standard input and says over its standard output what happens. Its loads ask the *test* for their rows: the
//! test knows which load read what and when, and a load is as slow as the test lets its answer wait. Nothing has to
//! sleep in order to be late.
//!
//! Whatever a test does with its fleet, every value that a call returns is held against what it may be: see
//! [`Fleet::next`].

mod ledger;
mod protocol;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use self::ledger::Counts;
use self::ledger::Ledger;
pub use self::protocol::{Command, Event, How, LoadEnd, Options, Outcome, Row};
pub use self::worker::Report;
use self::worker::Worker;

/// How long a worker may take for what it can do at once. A loaded machine takes longer than others.
const DEADLINE: Duration = Duration::from_secs(30);

/// A load that waits for its answer.
#[derive(Clone, Debug)]
pub struct Load {
    /// The worker that it runs in.
    pub worker: u64,
    /// The caller that runs it.
    pub call: u64,
    /// What it read when it asked.
    pub row: Row,
    /// When it asked.
    pub at: Instant,
    number: u64,
}

/// The workers, the database and the loads that wait for it.
///
/// Dropping it kills and reaps the workers; when the test process itself is killed, they go with it.
#[derive(Debug)]
pub struct Fleet {
    program: PathBuf,
    title: String,
    workers: BTreeMap<u64, Worker>,
    connecting: BTreeSet<u64>,
    stopped: BTreeSet<u64>,
    spawned: u64,
    reports: (Sender<Report>, Receiver<Report>),
    ledger: Ledger,
    held: Vec<Load>,
    /// The key and the version of each `invalidate` that has not returned, with its worker.
    invalidating: BTreeMap<u64, (u64, String, u64)>,
    invalidations: u64,
    begun: Instant,
    trace: String,
    /// Declared last: the workers run in it.
    dir: TempDir,
}

impl Fleet {
    /// A fleet without workers. `program` is `env!("CARGO_BIN_EXE_worker")`; `title` says in a failure what this was.
    ///
    /// # Panics
    ///
    /// When no temporary directory can be made.
    pub fn new(program: impl Into<PathBuf>, title: impl Into<String>) -> Self {
        let dir = tempfile::Builder::new().prefix("cachefence-fleet-").tempdir();
        Self {
            program: program.into(),
            title: title.into(),
            workers: BTreeMap::new(),
            connecting: BTreeSet::new(),
            stopped: BTreeSet::new(),
            spawned: 0,
            reports: mpsc::channel(),
            ledger: Ledger::default(),
            held: Vec::new(),
            invalidating: BTreeMap::new(),
            invalidations: 0,
            begun: Instant::now(),
            trace: String::new(),
            dir: dir.expect("a temporary directory"),
        }
    }

    /// A fleet of `count` connected workers of one thread each, and their numbers.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new) and [`connected`](Self::connected).
    pub fn start(
        program: impl Into<PathBuf>,
        title: impl Into<String>,
        count: usize,
        options: &Options,
    ) -> (Self, Vec<u64>) {
        let mut fleet = Self::new(program, title);
        let workers = (0..count).map(|_| fleet.spawn(1, options)).collect();
        fleet.connected();
        (fleet, workers)
    }

    /// Answers all loads that wait; returns whether nothing is left to wait for.
    pub fn answer_all(&mut self) -> bool {
        while !self.held().is_empty() {
            self.answer(0);
        }
        self.is_idle()
    }

    /// Starts a worker of `threads` threads and has it connect; returns its number.
    pub fn spawn(&mut self, threads: usize, options: &Options) -> u64 {
        self.spawn_with(threads, options, &[])
    }

    /// As [`spawn`](Self::spawn), with these variables in the worker's environment.
    pub fn spawn_with(
        &mut self,
        threads: usize,
        options: &Options,
        env: &[(String, String)],
    ) -> u64 {
        let number = self.spawned;
        self.spawned += 1;
        self.note(&format!("worker {number} starts, with {threads} threads"));
        let (dir, reports) = (self.dir.path(), self.reports.0.clone());
        let mut worker = Worker::spawn(&self.program, dir, number, threads, env, reports);
        worker.send(&Command::Connect(options.clone()));
        self.workers.insert(number, worker);
        self.connecting.insert(number);
        number
    }

    /// Returns when all workers are connected.
    ///
    /// # Panics
    ///
    /// When one is not in time.
    pub fn connected(&mut self) {
        self.until("all are connected", |fleet| fleet.connecting.is_empty());
    }

    /// Starts `count` callers on `key` in `worker`; returns their numbers.
    pub fn call(&mut self, worker: u64, key: &str, ttl: Duration, count: u64) -> Range<u64> {
        self.call_how(worker, key, ttl, count, How::default())
    }

    /// As [`call`](Self::call), detached or with a deadline.
    pub fn call_how(
        &mut self,
        worker: u64,
        key: &str,
        ttl: Duration,
        count: u64,
        how: How,
    ) -> Range<u64> {
        let numbers: Vec<u64> = (0..count).map(|_| self.ledger.begin(worker, key)).collect();
        let calls = numbers.first().map_or(0..0, |first| *first..first + count);
        let detached = if how.detached { ", detached" } else { "" };
        let deadline = how.deadline.map(|limit| format!(", for {limit:?}")).unwrap_or_default();
        self.note(&format!(
            "calls {calls:?} of {key} start in worker {worker}{detached}{deadline}"
        ));
        let key = key.to_owned();
        self.send(worker, &Command::Call { first: calls.start, count, key, ttl, how });
        calls
    }

    /// Drops the future of a call that has not returned.
    pub fn cancel(&mut self, call: u64) {
        let worker = self.ledger.open().find_map(|(open, worker)| (open == call).then_some(worker));
        if let Some(worker) = worker {
            self.note(&format!("call {call} is cancelled in worker {worker}"));
            self.send(worker, &Command::Cancel { call });
        }
    }

    /// Changes what the database holds under `key`; returns its new version.
    pub fn change(&mut self, key: &str) -> u64 {
        let version = self.ledger.change(key);
        self.note(&format!("the database holds version {version} of {key}"));
        version
    }

    /// Has `worker` invalidate `key`; does not wait for it.
    pub fn invalidate(&mut self, worker: u64, key: &str) {
        let id = self.invalidations;
        self.invalidations += 1;
        let version = self.ledger.version(key);
        self.note(&format!("worker {worker} invalidates {key} (invalidation {id})"));
        self.invalidating.insert(id, (worker, key.to_owned(), version));
        self.send(worker, &Command::Invalidate { id, key: key.to_owned() });
    }

    /// The loads that wait for their answers, in the order in which they asked.
    pub fn held(&self) -> &[Load] {
        &self.held
    }

    /// Gives the load at `index` of [`held`](Self::held) what it read when it asked.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn answer(&mut self, index: usize) -> Row {
        self.end(index, LoadEnd::Value)
    }

    /// As [`answer`](Self::answer), but the value is not to be cached.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn answer_uncached(&mut self, index: usize) -> Row {
        self.end(index, LoadEnd::NotCached)
    }

    /// Makes the load at `index` of [`held`](Self::held) fail.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn refuse(&mut self, index: usize) {
        self.end(index, LoadEnd::Error);
    }

    /// Makes the load at `index` of [`held`](Self::held) panic.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn panic(&mut self, index: usize) {
        self.end(index, LoadEnd::Panic);
    }

    fn end(&mut self, index: usize, end: fn(Row) -> LoadEnd) -> Row {
        let Load { worker, row, number, .. } = self.held.remove(index);
        let outdated = self.ledger.is_outdated(&row);
        self.ledger.counts.outdated += u64::from(outdated);
        let end = end(row.clone());
        let invalidated = if outdated { ", which has been invalidated" } else { "" };
        let read = row.read;
        self.note(&format!("load {read} of worker {worker} ends by {end:?}{invalidated}"));
        self.send(worker, &Command::Answer { load: number, end });
        row
    }

    /// Stops a worker with SIGSTOP, and returns when it has stopped.
    ///
    /// # Panics
    ///
    /// When it is dead.
    pub fn stop(&mut self, worker: u64) {
        self.note(&format!("worker {worker} is stopped"));
        self.workers[&worker].stop();
        self.stopped.insert(worker);
    }

    /// Lets a stopped worker go on.
    ///
    /// # Panics
    ///
    /// When it is dead.
    pub fn resume(&mut self, worker: u64) {
        self.note(&format!("worker {worker} goes on"));
        self.workers[&worker].resume();
        self.stopped.remove(&worker);
    }

    /// Kills a worker with SIGKILL, and returns when it is dead. What it said before still counts.
    pub fn kill(&mut self, worker: u64) {
        self.note(&format!("worker {worker} is killed"));
        self.workers.remove(&worker);
        self.connecting.remove(&worker);
        self.stopped.remove(&worker);
        self.held.retain(|load| load.worker != worker);
    }

    /// The workers that run or are stopped.
    pub fn alive(&self) -> Vec<u64> {
        self.workers.keys().copied().collect()
    }

    /// The workers that are stopped.
    pub fn stopped(&self) -> Vec<u64> {
        self.stopped.iter().copied().collect()
    }

    /// The calls of living workers that have not returned.
    pub fn open_calls(&self) -> Vec<u64> {
        let open = self.ledger.open();
        open.filter(|(_, worker)| self.workers.contains_key(worker)).map(|(call, _)| call).collect()
    }

    /// Whether calls of `worker` have not returned.
    pub fn is_busy(&self, worker: u64) -> bool {
        self.ledger.busy().any(|busy| busy == worker)
    }

    /// Whether no call and no `invalidate` of a living worker is under way.
    pub fn is_idle(&self) -> bool {
        let invalidating = self.invalidating.values().map(|(worker, ..)| *worker);
        let mut busy = invalidating.chain(self.ledger.busy());
        !busy.any(|worker| self.workers.contains_key(&worker))
    }

    /// Returns when the callers of all running workers have done what they can do without a load or a lock.
    ///
    /// # Panics
    ///
    /// When they have not in time.
    pub fn settle(&mut self) {
        let mut asked: BTreeSet<u64> =
            self.workers.keys().filter(|worker| !self.stopped.contains(worker)).copied().collect();
        for worker in asked.clone() {
            self.send(worker, &Command::Settle);
        }
        let deadline = Instant::now() + DEADLINE;
        while !asked.is_empty() {
            match self.next(deadline.saturating_duration_since(Instant::now())) {
                Some(Report { worker, event: Some(Event::Settled), .. }) => {
                    asked.remove(&worker);
                }
                Some(_) => {}
                None => self.fail("the workers did not settle"),
            }
        }
    }

    /// What `worker` takes for the time, since the epoch.
    ///
    /// # Panics
    ///
    /// When it does not say so in time.
    pub fn wall_clock(&mut self, worker: u64) -> Duration {
        self.send(worker, &Command::Clock);
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now())) {
                Some(Report { event: Some(Event::Clock(clock)), .. }) => return clock,
                Some(_) => {}
                None => self.fail("the worker did not tell the time"),
            }
        }
    }

    /// Takes in what happens until `done`, and returns how long that took.
    ///
    /// # Panics
    ///
    /// When it is not done in half a minute; `what` says what was waited for.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) -> Duration {
        let begun = Instant::now();
        while !done(self) {
            let left = (begun + DEADLINE).saturating_duration_since(Instant::now());
            if self.next(left).is_none() {
                self.fail(&format!("after {DEADLINE:?} it is not so that {what}"));
            }
        }
        begun.elapsed()
    }

    /// Takes in the next thing that happens, waiting for it up to `limit`.
    ///
    /// # Panics
    ///
    /// When a call returns what it must not: an error that no load made, another key's row, a row that nobody read,
    /// or one that was read before an `invalidate` which had returned `Ok` before the call was started. Also when a
    /// worker dies by itself.
    pub fn next(&mut self, limit: Duration) -> Option<Report> {
        let report = self.reports.1.recv_timeout(limit).ok()?;
        let worker = report.worker;
        match &report.event {
            Some(Event::Connected(result)) => {
                self.note(&format!("worker {worker} is connected: {result:?}"));
                if let Err(error) = result {
                    self.fail(&format!("worker {worker} cannot connect: {error}"));
                }
                self.connecting.remove(&worker);
            }
            Some(Event::Loading { load, call, key }) => {
                let row = self.ledger.read(*call, key);
                self.note(&format!(
                    "load {} in worker {worker}, by call {call}, reads version {} of {key}",
                    row.read, row.version
                ));
                if self.workers.contains_key(&worker) {
                    let (at, number) = (report.at, *load);
                    self.held.push(Load { worker, call: *call, row, at, number });
                }
            }
            Some(Event::Returned { call, outcome }) => {
                self.note(&format!("call {call} returns {outcome:?}"));
                if let Err(violation) = self.ledger.end(*call, outcome) {
                    self.fail(&violation);
                }
            }
            Some(Event::Cancelled { call }) => {
                self.note(&format!("call {call} is dropped"));
                self.ledger.drop_call(*call);
            }
            Some(Event::Invalidated { id, result }) => {
                self.note(&format!("invalidation {id} returns {result:?}"));
                if let Some((_, key, version)) = self.invalidating.remove(id) {
                    match result {
                        Ok(()) => self.ledger.invalidated(&key, version),
                        Err(_) => self.ledger.counts.uncertain += 1,
                    }
                }
            }
            Some(Event::Settled | Event::Clock(_)) => {}
            None if self.workers.contains_key(&worker) => {
                self.fail(&format!("worker {worker} died by itself"));
            }
            None => {
                self.ledger.drop_calls_of(worker);
                self.invalidating.retain(|_, (of, ..)| *of != worker);
            }
        }
        Some(report)
    }

    /// How much has happened.
    pub fn counts(&self) -> Counts {
        self.ledger.counts
    }

    /// Writes a line into the trace.
    pub fn note(&mut self, what: &str) {
        let at = self.begun.elapsed().as_secs_f64() * 1_000.0;
        let _ = writeln!(self.trace, "{at:9.2} ms  {what}");
    }

    /// Fails the test, with everything that happened.
    ///
    /// # Panics
    ///
    /// Always.
    #[track_caller]
    pub fn fail(&self, why: &str) -> ! {
        panic!("{}: {why}\n{}", self.title, self.trace)
    }

    fn send(&mut self, worker: u64, command: &Command) {
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.send(command);
        }
    }
}
