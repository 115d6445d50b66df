//! One worker process, seen from the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, Command as Program, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Instant;

use super::protocol::{Command, Event};
use crate::guard::GuardedChild;

/// What a worker said, and when the test heard it.
#[derive(Debug)]
pub struct Report {
    /// The worker's number.
    pub worker: u64,
    /// When its line was read.
    pub at: Instant,
    /// What it said; `None` after its last word.
    pub event: Option<Event>,
}

/// A running worker. Dropping it kills it with SIGKILL and reaps it.
#[derive(Debug)]
pub(super) struct Worker {
    process: GuardedChild,
    stdin: ChildStdin,
}

impl Worker {
    pub(super) fn spawn(
        program: &Path,
        dir: &Path,
        number: u64,
        threads: usize,
        env: &[(String, String)],
        reports: Sender<Report>,
    ) -> Self {
        let mut command = Program::new(program);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        command.arg(threads.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = GuardedChild::spawn(&mut command, dir).expect("a worker starts");
        let stdin = process.child().stdin.take().expect("stdin is a pipe");
        let stdout = process.child().stdout.take().expect("stdout is a pipe");
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let at = Instant::now();
                // A worker that is killed may leave half a line.
                let Ok(event) = serde_json::from_str(&line) else { break };
                let _ = reports.send(Report { worker: number, at, event: Some(event) });
            }
            let _ = reports.send(Report { worker: number, at: Instant::now(), event: None });
        });
        Self { process, stdin }
    }

    /// Sends a command. One that has died cannot take it, and its end is reported anyway.
    pub(super) fn send(&mut self, command: &Command) {
        let mut line = serde_json::to_vec(command).expect("a command is JSON");
        line.push(b'\n');
        let _ = self.stdin.write_all(&line);
    }

    pub(super) fn stop(&self) {
        self.process.pause().expect("a worker can be stopped");
    }

    pub(super) fn resume(&self) {
        self.process.resume().expect("a worker can go on");
    }
}
