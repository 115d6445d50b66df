//! The worker processes. One that dies is replaced.

use std::sync::Arc;
use std::time::Duration;

use cachefence_examples::BoxError;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::args::WorkerArgs;
use crate::board::Board;
use crate::child::Part;

pub(crate) const WORKERS: usize = 2;

/// How long a place stays empty, so that a worker which cannot start is not started all the time.
const PAUSE: Duration = Duration::from_millis(300);

pub(crate) struct Fleet {
    /// Who is sent on here is told when the worker is dead.
    kill: Vec<mpsc::Sender<oneshot::Sender<()>>>,
    /// Whether the demo ends.
    end: watch::Sender<bool>,
    keepers: Mutex<JoinSet<()>>,
}

impl Fleet {
    pub(crate) fn start(args: &WorkerArgs, board: &Arc<Board>) -> Self {
        let mut keepers = JoinSet::new();
        let end = watch::Sender::new(false);
        let start = |slot| {
            let (kill, orders) = mpsc::channel(1);
            let (args, board, end) = (args.clone(), Arc::clone(board), end.subscribe());
            keepers.spawn(Keeper { slot, args, board, orders, end }.keep());
            kill
        };
        let kill = (0..WORKERS).map(start).collect();
        Self { kill, end, keepers: Mutex::new(keepers) }
    }

    /// Kills the worker at a place; returns when it is dead.
    pub(crate) async fn kill(&self, slot: usize) {
        let (done, dead) = oneshot::channel();
        if self.kill[slot].send(done).await.is_ok() {
            let _ = dead.await;
        }
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
    orders: mpsc::Receiver<oneshot::Sender<()>>,
    end: watch::Receiver<bool>,
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            match self.run_one().await {
                Ok(Next::Replace) => {}
                Ok(Next::End) => return,
                Err(error) => eprintln!("demo: worker {}: {error}", self.slot),
            }
            self.board.worker_died(self.slot);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Runs a worker until it dies, or the demo ends.
    async fn run_one(&mut self) -> Result<Next, BoxError> {
        let mut part = Part::worker(&self.args)?;
        let stdout = part.process.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        self.board.worker_started(self.slot, part.process.id().unwrap_or_default());
        loop {
            tokio::select! {
                line = lines.next_line() => {
                    let Some(line) = line? else { break };
                    self.board.message(self.slot, serde_json::from_str(&line)?);
                }
                Some(dead) = self.orders.recv() => {
                    part.process.kill().await?;
                    let _ = dead.send(());
                }
                () = ends(&mut self.end) => {
                    part.end().await;
                    return Ok(Next::End);
                }
            }
        }
        part.process.wait().await?;
        Ok(Next::Replace)
    }
}

/// Returns when the demo ends.
async fn ends(end: &mut watch::Receiver<bool>) {
    let _ = end.wait_for(|end| *end).await;
}

enum Next {
    Replace,
    End,
}
