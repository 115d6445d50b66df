//! Carries a plan out.

use std::time::{Duration, Instant};

use cachefence_tests::fleet::{Counts, Event, Fleet, Options};

use cachefence_tests::slot_of;

use super::plan::{End, Pause, Plan, Step};
use crate::store::Store;

/// How long a step waits for something to happen, which may be nothing.
const LULL: Duration = Duration::from_millis(30);

/// More than a lease of a schedule that is not calm, and less than one of a calm one.
const RELEASED: Duration = Duration::from_secs(10);

/// After how many steps a slot that moves is taken one stage further.
const STEPS_OF_A_STAGE: usize = 5;

/// Where schedules run beside each other. What one flushes or evicts is gone for the others as well, and with it any
/// lock that should not have been there: so those that look for such locks are by themselves.
pub(crate) struct Servers {
    pub(crate) rough: Store,
    pub(crate) calm: Store,
}

struct Run<'a> {
    store: &'a Store,
    /// What has become of the slot of the first key.
    stage: Stage,
    plan: &'a Plan,
    fleet: Fleet,
    options: Options,
    keys: Vec<String>,
    loads: usize,
}

/// A slot of a cluster moves from node 0 to node 1, stage by stage. All slots move that way, because nodes that take
/// slots by turns may lose them again.
#[derive(Clone, Copy)]
enum Stage {
    /// The slot is where it was, or there is no cluster.
    Before,
    /// What node 0 does not have is asked for at node 1.
    Moving,
    Moved,
}

/// What a schedule came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) killed: u64,
    pub(crate) stopped: u64,
    pub(crate) moved: u64,
}

/// Runs the schedule of `seed`, beside others.
pub(crate) fn run(servers: &Servers, mode: &str, seed: u64) -> Tally {
    let plan = Plan::draw(seed);
    let store = if plan.calm { &servers.calm } else { &servers.rough };
    let namespace = namespace(store, seed);
    let options = Options {
        url: store.url(),
        namespace: namespace.clone(),
        beta: plan.beta,
        lock_timeout: plan.lock_timeout,
        wait_for_lock: plan.wait_for_lock,
        ..Options::default()
    };
    let title = format!(
        "schedule {seed} {mode}, to be replayed with CACHEFENCE_SEED={seed}; lease {:?}, wait {:?}, ttl {:?}, \
         beta {}, {}calm",
        plan.lock_timeout,
        plan.wait_for_lock,
        plan.ttl,
        plan.beta,
        if plan.calm { "" } else { "not " }
    );
    let mut run = Run {
        store,
        stage: Stage::Before,
        plan: &plan,
        fleet: Fleet::new(env!("CARGO_BIN_EXE_worker"), title),
        options,
        keys: (0..plan.keys).map(|key| format!("k{key}")).collect(),
        loads: 0,
    };
    for _ in 0..plan.workers {
        run.fleet.spawn(plan.threads, &run.options);
    }
    run.fleet.connected();
    let mut tally = Tally::default();
    for (number, (step, pause)) in plan.steps.iter().enumerate() {
        run.step(*step, &mut tally);
        run.pause(*pause);
        if number % STEPS_OF_A_STAGE == STEPS_OF_A_STAGE - 1 {
            run.move_on();
        }
    }
    run.finish();
    tally.moved = u64::from(matches!(run.stage, Stage::Moved));
    Tally { counts: run.fleet.counts(), ..tally }
}

/// A namespace whose first key is on node 0, if there are several.
fn namespace(store: &Store, seed: u64) -> String {
    let namespaces = (0..).map(|number| format!("seed-{seed}-{number}"));
    let is_there = |namespace: &String| match store {
        Store::Server(_) => true,
        Store::Cluster(cluster) => cluster.owner_of(format!("{namespace}:k0")) == 0,
    };
    namespaces.into_iter().find(is_there).expect("node 0 has slots")
}

impl Run<'_> {
    fn step(&mut self, step: Step, tally: &mut Tally) {
        match step {
            Step::Call { worker, key, count, how } => {
                let (worker, key) = (self.worker(worker), self.key(key));
                self.fleet.call_how(worker, &key, self.plan.ttl, count, how);
            }
            Step::End { load, how } => {
                if let Some(index) = pick(load, self.fleet.held().len()) {
                    match how {
                        End::Value => _ = self.fleet.answer(index),
                        End::NotCached => _ = self.fleet.answer_uncached(index),
                        End::Error => self.fleet.refuse(index),
                        End::Panic => self.fleet.panic(index),
                    }
                }
            }
            Step::Invalidate { worker, key } => {
                let (worker, key) = (self.worker(worker), self.key(key));
                self.fleet.change(&key);
                self.fleet.invalidate(worker, &key);
            }
            Step::Cancel { call } => {
                let open = self.fleet.open_calls();
                if let Some(index) = pick(call, open.len()) {
                    self.fleet.cancel(open[index]);
                }
            }
            Step::Kill { worker } => {
                tally.killed += 1;
                let worker = self.worker(worker);
                self.fleet.kill(worker);
                self.fleet.spawn(self.plan.threads, &self.options);
            }
            Step::Stop { worker } => {
                tally.stopped += 1;
                let worker = self.worker(worker);
                self.fleet.stop(worker);
            }
            Step::Resume { worker } => {
                let stopped = self.fleet.stopped();
                if let Some(index) = pick(worker, stopped.len()) {
                    self.fleet.resume(stopped[index]);
                }
            }
            Step::Delete { key, entry, lock } => {
                let key = self.key(key);
                let (entry, lock) =
                    (entry.then(|| self.entry(&key)), lock.then(|| self.lock(&key)));
                let names: Vec<String> = entry.into_iter().chain(lock).collect();
                self.fleet.note(&format!("DEL {names:?}"));
                // While a slot moves, its node may refuse.
                let mut connection = self.store.at(&self.entry(&key)).connection();
                let _ = redis::cmd("DEL").arg(names).exec(&mut connection);
            }
            Step::FlushAll => {
                self.fleet.note("FLUSHALL");
                for server in self.store.servers() {
                    server.cli(&["FLUSHALL"]);
                }
            }
            Step::Evict => {
                self.fleet.note("everything is evicted, and writes are refused while it is");
                for server in self.store.servers() {
                    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
                    let deadline = Instant::now() + LULL;
                    while server.cli(&["DBSIZE"]) != "0" && Instant::now() < deadline {}
                    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
                }
                self.fleet.note("writes are taken again");
            }
        }
    }

    /// Takes the slot of the first key one stage further, on a cluster.
    fn move_on(&mut self) {
        let Store::Cluster(cluster) = self.store else { return };
        let slot = slot_of(self.entry(&self.keys[0]));
        self.stage = match self.stage {
            Stage::Before => {
                self.fleet.note("the slot of the first key begins to move");
                cluster.begin_move(slot, 0, 1);
                Stage::Moving
            }
            Stage::Moving => {
                cluster.migrate_keys(slot, 0, 1);
                cluster.finish_move(slot, 0, 1);
                self.fleet.note("the slot of the first key has moved");
                Stage::Moved
            }
            Stage::Moved => Stage::Moved,
        };
    }

    fn pause(&mut self, pause: Pause) {
        match pause {
            Pause::None => while self.take_in(Duration::ZERO) {},
            Pause::Event => {
                self.take_in(LULL);
            }
            Pause::For(span) => {
                let end = Instant::now() + span;
                while self.take_in(end.saturating_duration_since(Instant::now())) {}
            }
        }
    }

    /// Takes in the next event and answers it if it is a load that is not to wait; false if there was none.
    fn take_in(&mut self, limit: Duration) -> bool {
        let Some(report) = self.fleet.next(limit) else { return false };
        if matches!(report.event, Some(Event::Loading { .. })) {
            let eager = self.plan.eager[self.loads % self.plan.eager.len()];
            self.loads += 1;
            if eager && !self.fleet.held().is_empty() {
                self.fleet.answer(self.fleet.held().len() - 1);
            }
        }
        true
    }

    /// Lets everything end, looks at every key once more from every worker, and each time sees what is left of the
    /// locks.
    fn finish(&mut self) {
        if matches!(self.stage, Stage::Moving) {
            self.move_on();
        }
        for worker in self.fleet.stopped() {
            self.fleet.resume(worker);
        }
        if self.plan.abandons {
            self.fleet.note("every call is cancelled");
            for call in self.fleet.open_calls() {
                self.fleet.cancel(call);
            }
        }
        self.let_all_end();
        self.see_the_locks();
        for key in self.keys.clone() {
            for worker in self.fleet.alive() {
                self.fleet.call(worker, &key, self.plan.ttl, 1);
            }
        }
        self.let_all_end();
        self.see_the_locks();
    }

    /// Waits until no lock is left: none of a calm schedule, and otherwise until the leases of the dead are over. Loads
    /// that outlive their callers are answered meanwhile.
    fn see_the_locks(&mut self) {
        let deadline = Instant::now() + RELEASED;
        for key in self.keys.clone() {
            let lock = self.lock(&key);
            loop {
                match self.store.at(&lock).cli(&["PTTL", &lock]).as_str() {
                    "-2" => break,
                    "-1" => self.fleet.fail(&format!("{lock} never ends")),
                    left if Instant::now() > deadline => {
                        self.fleet.fail(&format!("{lock} is left behind for {left} ms"));
                    }
                    _ => _ = self.fleet.next(Duration::from_millis(1)),
                }
                self.fleet.answer_all();
            }
        }
    }

    fn let_all_end(&mut self) {
        self.fleet.note("every load is answered at once");
        self.fleet.connected();
        self.fleet.until("every call and every invalidation has ended", |fleet| {
            while !fleet.held().is_empty() {
                fleet.answer(0);
            }
            fleet.is_idle()
        });
    }

    fn worker(&self, drawn: u64) -> u64 {
        let alive = self.fleet.alive();
        pick(drawn, alive.len()).map(|index| alive[index]).expect("a killed worker is replaced")
    }

    fn key(&self, drawn: u64) -> String {
        pick(drawn, self.keys.len()).map(|index| self.keys[index].clone()).expect("there are keys")
    }

    fn entry(&self, key: &str) -> String {
        format!("{}:{key}", self.options.namespace)
    }

    fn lock(&self, key: &str) -> String {
        format!("{}:~lock:{{{}}}", self.options.namespace, self.entry(key))
    }
}

/// The one of `count` things that was drawn, if there are any.
fn pick(drawn: u64, count: usize) -> Option<usize> {
    let count = u64::try_from(count).expect("a small number");
    let index = drawn.checked_rem(count)?;
    Some(usize::try_from(index).expect("below a small number"))
}
