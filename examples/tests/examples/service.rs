//! The service of `axum-service`, as a process that is asked over HTTP.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::iter;
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Instant;

use cachefence_tests::DEADLINE;
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A running service on a free port, with a database of its own.
pub(crate) struct Service {
    process: Child,
    /// Open for as long as the service runs, so that it can print.
    _stdout: BufReader<ChildStdout>,
    addr: String,
    dir: TempDir,
}

/// The answer to a request.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Service {
    /// Starts a service, which caches in memory unless it is given a Redis.
    pub(crate) fn start(redis: Option<&str>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_axum-service"));
        command.env("ADDR", "127.0.0.1:0").env("DATABASE", dir.path().join("users.sqlite"));
        match redis {
            Some(url) => command.env("REDIS_URL", url),
            None => command.env_remove("REDIS_URL"),
        };
        command.stderr(File::create(dir.path().join("log")).expect("a file"));
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the service starts");
        let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the service prints its address");
        let addr = line.trim().strip_prefix("http://").expect("an address").to_owned();
        Self { process, _stdout: stdout, addr, dir }
    }

    /// Asks once. The answer is 504 if the service does not have it within its deadline.
    pub(crate) fn get_once(&self, path: &str) -> Answer {
        self.request("GET", path, "")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.answer("GET", path, "")
    }

    pub(crate) fn put(&self, path: &str, body: &str) -> Answer {
        self.answer("PUT", path, body)
    }

    /// Asks again while the answer is 504, which on a busy machine means nothing.
    fn answer(&self, method: &str, path: &str, body: &str) -> Answer {
        let answers = iter::repeat_with(|| self.request(method, path, body)).take(60);
        let mut answers = answers.skip_while(|answer| answer.status == 504);
        answers.next().expect("the service answers in the end")
    }

    /// Sends a request of HTTP 1.0, to which the answer ends with the connection.
    fn request(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.addr).expect("the service listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout above zero");
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}")
            .expect("the service reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the service answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer { status: status.expect("a status"), body: body.to_owned() }
    }

    /// The sum of the series whose names and labels begin with `series`.
    pub(crate) fn metric(&self, series: &str) -> u64 {
        let metrics = self.get("/metrics").body;
        let values = metrics.lines().filter(|line| line.starts_with(series));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Locks the database: from now on each query waits, for up to five seconds, until the connection is dropped.
    pub(crate) fn lock_database(&self) -> Connection {
        let connection =
            Connection::open(self.dir.path().join("users.sqlite")).expect("a database");
        connection.execute_batch("BEGIN EXCLUSIVE").expect("nobody else has locked it");
        connection
    }

    /// What the service has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).expect("the service runs");
    }

    /// Waits until the service ends; `None` if it died by a signal.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        until("the service ends", || {
            thread::yield_now();
            status = self.process.try_wait().expect("the status can be read");
            status.is_some()
        });
        status?.code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// Asks again and again until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "it did not happen that {what}");
    }
}
