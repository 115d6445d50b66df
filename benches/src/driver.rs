//! The driver's side of a worker: how to start it, send it commands and read what it says.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command as Program, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::protocol::{
    Beside, Burst, BurstFigures, Command, Expiry, ExpiryFigures, HitFigures, Hits, Keys, Said,
};
use crate::runtime::Runtime;
use crate::subject::Kind;

/// How long a worker may take for one command. A command that succeeds takes less than a tenth of this.
const DEADLINE: Duration = Duration::from_mins(2);

/// The program that runs a subject.
#[derive(Debug, Clone)]
pub enum Under {
    /// The plain worker.
    Plain,
    /// The worker that counts its allocations.
    Counted,
    /// The plain worker under callgrind, which writes to this file.
    Callgrind(PathBuf),
}

/// A running worker. Dropping it kills the process, by its id, and reaps it.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    said: Receiver<Said>,
    kind: Kind,
}

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct Start {
    /// The subject that it runs.
    pub kind: Kind,
    /// The URL of the server.
    pub url: String,
    /// How many entries a cache in memory has.
    pub entries: usize,
    /// Its runtime.
    pub runtime: Runtime,
    /// The program that runs the subject.
    pub under: Under,
    /// The Python interpreter that has the package; only `Kind::Python` needs it.
    pub python: Option<PathBuf>,
    /// The folder of the workers, if it is not that of the running program.
    pub workers: Option<PathBuf>,
}

impl Start {
    /// Starts the worker and returns when it is connected.
    pub fn spawn(&self) -> Worker {
        let mut program = self.program();
        program.args([
            self.kind.argument(),
            &self.url,
            &self.entries.to_string(),
            &self.runtime.argument(),
        ]);
        let log = std::env::temp_dir().join("cachefence-benches-worker.log");
        let log = File::options().create(true).append(true).open(log).expect("a writable log");
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = program.spawn().expect("a worker starts");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let (sender, said) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // A worker that is killed may leave half a line.
                let Ok(said) = serde_json::from_str(&line) else { break };
                if sender.send(said).is_err() {
                    break;
                }
            }
        });
        let mut worker = Worker { child, stdin, said, kind: self.kind };
        match worker.hear() {
            Said::Ready => worker,
            other => panic!("{}: {other:?} instead of ready", worker.what()),
        }
    }

    fn program(&self) -> Program {
        if self.kind == Kind::Python {
            let mut program =
                Program::new(self.python.as_ref().expect("`Lab::has` is asked before"));
            program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/worker.py"));
            return program;
        }
        match &self.under {
            Under::Plain => Program::new(self.worker("worker")),
            Under::Counted => Program::new(self.worker("worker-counted")),
            Under::Callgrind(output) => {
                let mut program = Program::new("valgrind");
                program
                    .args(["--tool=callgrind", "--compress-pos=no", "--quiet"])
                    .arg(format!("--callgrind-out-file={}", output.display()))
                    .arg(self.worker("worker"));
                program
            }
        }
    }

    /// The path of the worker with this name.
    fn worker(&self, name: &str) -> PathBuf {
        match &self.workers {
            Some(folder) => folder.join(name),
            None => std::env::current_exe().expect("this program has a path").with_file_name(name),
        }
    }
}

impl Worker {
    /// Sends a command without waiting for its figures.
    pub fn tell(&mut self, command: &Command) {
        let mut line = serde_json::to_vec(command).expect("a command is JSON");
        line.push(b'\n');
        let stdin = self.stdin.as_mut().expect("only `finish` closes it");
        stdin.write_all(&line).expect("the worker lives");
    }

    /// Waits for the next message of the worker.
    pub fn hear(&mut self) -> Said {
        self.said.recv_timeout(DEADLINE).unwrap_or_else(|error| {
            panic!("{}: {error}; see cachefence-benches-worker.log", self.what())
        })
    }

    fn what(&self) -> &'static str {
        self.kind.title()
    }

    /// Has the worker cache these keys.
    pub fn fill(&mut self, keys: Keys) {
        self.tell(&Command::Fill(keys));
        assert!(matches!(self.hear(), Said::Filled), "{}", self.what());
    }

    /// Runs a batch of hits.
    pub fn hits(&mut self, plan: Hits) -> HitFigures {
        self.tell(&Command::Hits(plan));
        self.hit_figures()
    }

    /// Runs a batch of small hits beside large ones.
    pub fn beside(&mut self, plan: Beside) -> HitFigures {
        self.tell(&Command::Beside(plan));
        self.hit_figures()
    }

    fn hit_figures(&mut self) -> HitFigures {
        let Said::Hits(figures) = self.hear() else { panic!("{}: no figures", self.what()) };
        // A peer may fail to keep what it has loaded; the note of its line in the table says so.
        assert!(figures.loads == 0 || self.kind.is_a_peer(), "{}: no hits", self.what());
        figures
    }

    /// Starts a burst and waits for all its callers.
    pub fn burst(&mut self, plan: Burst) -> BurstFigures {
        self.tell(&Command::Burst(plan));
        self.burst_figures()
    }

    /// Waits for the callers of a burst.
    pub fn burst_figures(&mut self) -> BurstFigures {
        loop {
            match self.hear() {
                Said::Burst(figures) => return figures,
                Said::Loading => {}
                other => panic!("{}: {other:?}", self.what()),
            }
        }
    }

    /// Has the worker read a key that expires.
    pub fn expiry(&mut self, plan: Expiry) -> ExpiryFigures {
        self.tell(&Command::Expiry(plan));
        let Said::Expiry(figures) = self.hear() else { panic!("{}: no figures", self.what()) };
        figures
    }

    /// Kills the worker with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("the worker is a child of this process");
        let _ = self.child.wait();
    }

    /// Lets the worker end by itself, because callgrind writes its file when the process ends.
    pub fn finish(mut self) {
        self.stdin = None;
        let _ = self.child.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
