//! The demo as a process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::browser::DEADLINE;
use crate::guard::Group;
use crate::http;
use crate::processes::{self, Process};

/// A running demo, on a free port.
pub(crate) struct Demo {
    group: Group,
    port: u16,
    /// The lines up to the one that names the port.
    pub(crate) said: String,
}

impl Demo {
    /// Starts one and waits until it says where it listens.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    /// The same, with variables of the environment.
    pub(crate) fn start_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
        command.args(["--port", "0"]).args(args).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut group = Group::spawn(&mut command).expect("the demo starts");
        let output = BufReader::new(group.child().stdout.take().expect("stdout is a pipe"));
        let mut lines = output.lines().map_while(Result::ok);
        let mut said = String::new();
        let port = lines.find_map(|line| {
            said.extend([line.as_str(), "\n"]);
            line.strip_prefix("listening on http://127.0.0.1:")?.parse().ok()
        });
        thread::spawn(move || lines.for_each(drop));
        let port = port.unwrap_or_else(|| panic!("the demo does not say where it listens: {said}"));
        Self { group, port, said }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// What the page is told, without the samples.
    pub(crate) fn state(&self) -> Value {
        http::get(self.port, "/api/state").expect("the demo answers")
    }

    /// Waits until the state is as wanted, and returns that state.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut condition: impl FnMut(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let state = self.state();
            if condition(&state) {
                return state;
            }
            assert!(begun.elapsed() < DEADLINE, "it did not happen that {what}: {}", short(&state));
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn pid(&mut self) -> u32 {
        self.group.child().id()
    }

    /// Everything that the demo has started and that still runs.
    pub(crate) fn processes(&mut self) -> Vec<Process> {
        let pid = self.pid();
        processes::below(pid)
    }

    /// Presses a button by its address; returns the status and the answer.
    pub(crate) fn post(&self, path: &str) -> (u16, String) {
        http::request(self.port, "POST", path, None).expect("the demo answers")
    }

    /// Ends the demo alone, and waits until nothing of it is left.
    #[track_caller]
    pub(crate) fn end(mut self, signal: &str) -> ExitStatus {
        let (pid, started) = (self.pid(), self.processes());
        processes::signal(signal, &[pid]);
        self.until_nothing_is_left(&started)
    }

    /// Sends the signal to each process of the demo at once, and waits until nothing is left.
    #[track_caller]
    pub(crate) fn end_each(mut self, signal: &str) {
        let started = self.processes();
        let pids = [self.pid()].into_iter().chain(started.iter().map(|process| process.pid));
        processes::signal(signal, &pids.collect::<Vec<_>>());
        self.until_nothing_is_left(&started);
    }

    #[track_caller]
    fn until_nothing_is_left(mut self, started: &[Process]) -> ExitStatus {
        let status = self.group.wait().expect("it is a child");
        processes::until_gone(started);
        let begun = Instant::now();
        while fs::read_dir(self.group.dir()).expect("it is a directory").next().is_some() {
            assert!(begun.elapsed() < DEADLINE, "a temporary directory is left");
            thread::sleep(Duration::from_millis(50));
        }
        status
    }
}

/// A state without its samples, for a message.
fn short(state: &Value) -> String {
    let mut state = state.clone();
    state["samples"].take();
    format!("{state:#}")
}
