//! Several processes whose callers all begin at once, and what they came to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the callers and loads of one process came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Crowd {
    /// How long the call took that took longest.
    pub longest: Duration,
    /// How many loads began.
    pub loads: usize,
    /// How many loads ran at a time, at the most.
    pub most_at_a_time: usize,
    /// How many loads were stored.
    pub stored: u64,
}

impl Crowd {
    /// Runs `processes` of `program`, which is `env!("CARGO_BIN_EXE_crowd")`, with the same arguments: the URL, the kind of the
    /// loads, the number of callers, and how long a load takes.
    ///
    /// # Panics
    ///
    /// When one of them does not do what it should.
    #[must_use]
    pub fn run(
        program: &str,
        processes: usize,
        (url, kind): (&str, &str),
        callers: usize,
        takes: Duration,
    ) -> Vec<Self> {
        let mut children: Vec<Process> = (0..processes)
            .map(|_| {
                let args = [url, kind, &callers.to_string(), &takes.as_millis().to_string()];
                let child = Command::new(program)
                    .args(args)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn();
                Process(child.expect("it starts"))
            })
            .collect();
        let mut outputs: Vec<_> = children.iter_mut().map(Process::ready).collect();
        for child in &mut children {
            let input = child.0.stdin.as_mut().expect("it is piped");
            input.write_all(b"go\n").expect("it reads");
        }
        let read = |output: &mut BufReader<_>| {
            let mut text = String::new();
            output.read_to_string(&mut text).expect("it is text");
            serde_json::from_str(&text).expect("it prints what they came to")
        };
        outputs.iter_mut().map(read).collect()
    }
}

/// A process that ends with the test.
struct Process(Child);

impl Process {
    /// Waits until the process is ready, and returns its output.
    fn ready(&mut self) -> BufReader<std::process::ChildStdout> {
        let mut output = BufReader::new(self.0.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it is text");
        assert_eq!(line, "ready\n");
        output
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
