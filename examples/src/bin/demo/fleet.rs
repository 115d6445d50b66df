//! The worker processes. One that dies is replaced.

use std::sync::Arc;
use std::time::Duration;

use cachefence_examples::{BoxError, one_line};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::args::WorkerArgs;
use crate::board::Board;
use crate::child::Part;

pub(crate) const WORKERS: usize = 2;

/// How long a place stays empty, so that a worker which cannot start is not started all the time.
const REPLACE_AFTER: Duration = Duration::from_millis(300);

pub(crate) struct Fleet {
    /// One for each place.
    kill: Vec<mpsc::Sender<Kill>>,
    /// Whether the demo ends.
    end: watch::Sender<bool>,
    keepers: Mutex<JoinSet<()>>,
}

/// Asks for the death of a process; for nobody's if another has its place by now.
struct Kill {
    pid: u32,
    /// Told when the process is dead and the board knows.
    done: oneshot::Sender<()>,
}

impl Fleet {
    pub(crate) fn start(args: &WorkerArgs, board: &Arc<Board>) -> Self {
        let mut keepers = JoinSet::new();
        let end = watch::Sender::new(false);
        let start = |slot| {
            let (kill, kills) = mpsc::channel(1);
            let (args, board, end) = (args.clone(), Arc::clone(board), end.subscribe());
            keepers.spawn(Keeper { slot, args, board, kills, end }.keep());
            kill
        };
        let kill = (0..WORKERS).map(start).collect();
        Self { kill, end, keepers: Mutex::new(keepers) }
    }

    /// Kills the process if it still has this place. Returns when it is dead, or `false` if it was gone already.
    pub(crate) async fn kill(&self, slot: usize, pid: u32) -> bool {
        let (done, dead) = oneshot::channel();
        self.kill[slot].send(Kill { pid, done }).await.is_ok() && dead.await.is_ok()
    }

    /// Ends the workers; returns when they have ended.
    pub(crate) async fn end(&self) {
        self.end.send_replace(true);
        while self.keepers.lock().await.join_next().await.is_some() {}
    }
}

/// Keeps one place of the fleet filled.
struct Keeper {
    slot: usize,
    args: WorkerArgs,
    board: Arc<Board>,
    kills: mpsc::Receiver<Kill>,
    end: watch::Receiver<bool>,
}

impl Keeper {
    async fn keep(mut self) {
        while !*self.end.borrow() {
            if let Err(error) = self.run_one().await {
                eprintln!("demo: worker {}: {}", self.slot, one_line(error.as_ref()));
            }
            let _ = tokio::time::timeout(REPLACE_AFTER, ends(&mut self.end)).await;
        }
    }

    /// Runs a worker until it dies, or the demo ends.
    async fn run_one(&mut self) -> Result<(), BoxError> {
        let mut worker = Part::worker(&self.args)?;
        let killed = self.follow(&mut worker).await;
        worker.end().await;
        self.board.worker_died(self.slot);
        if let Some(kill) = killed? {
            let _ = kill.done.send(());
        }
        Ok(())
    }

    /// Tells the board what the worker says, until it says no more, is killed, or is to end.
    async fn follow(&mut self, worker: &mut Part) -> Result<Option<Kill>, BoxError> {
        let pid = worker.process.id().ok_or("the worker ended at once")?;
        let stdout = worker.process.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        self.board.worker_started(self.slot, pid);
        loop {
            tokio::select! {
                line = lines.next_line() => {
                    let Some(line) = line? else { return Ok(None) };
                    self.board.message(self.slot, serde_json::from_str(&line)?);
                }
                Some(kill) = self.kills.recv() => {
                    if kill.pid == pid {
                        worker.process.kill().await?;
                        return Ok(Some(kill));
                    }
                }
                () = ends(&mut self.end) => return Ok(None),
            }
        }
    }
}

/// Returns when the demo ends.
async fn ends(end: &mut watch::Receiver<bool>) {
    let _ = end.wait_for(|end| *end).await;
}
