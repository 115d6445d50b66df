//! The service of `axum-service`, as a process that is asked over HTTP.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::iter;
use std::net::TcpStream;
use std::process::{ChildStdout, Command, Stdio};
use std::thread;
use std::time::Instant;

use cachefence_tests::{DEADLINE, GuardedChild};
use rusqlite::Connection;
use tempfile::TempDir;

/// A running service on a free port, with a database of its own.
pub(crate) struct Service {
    process: GuardedChild,
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
    /// Starts a service with these settings. It caches in memory unless one of them is a Redis.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_axum-service"));
        command.env("ADDR", "127.0.0.1:0").env("DATABASE", dir.path().join("users.sqlite"));
        command.env_remove("REDIS_URL").env_remove("REDIS_TIMEOUT_MS");
        command.envs(settings.iter().copied()).stdout(Stdio::piped());
        command.stderr(File::create(dir.path().join("log")).expect("a file"));
        let mut process =
            GuardedChild::spawn(&mut command, dir.path()).expect("the service starts");
        let mut stdout = BufReader::new(process.child().stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the service prints its address");
        let addr = line.trim().strip_prefix("http://").expect("an address").to_owned();
        Self { process, _stdout: stdout, addr, dir }
    }

    /// Asks once. The answer is 504 if the service does not have it within its deadline.
    pub(crate) fn get_once(&self, path: &str) -> Answer {
        self.request("GET", path, "")
    }

    pub(crate) fn put_once(&self, path: &str, body: &str) -> Answer {
        self.request("PUT", path, body)
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
        let request = format!("{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("the service reads");
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

    /// The database, seen by another program.
    pub(crate) fn database(&self) -> Connection {
        Connection::open(self.dir.path().join("users.sqlite")).expect("a database")
    }

    /// Locks the database: from now on each query waits, for up to a minute, until the connection is dropped.
    pub(crate) fn lock_database(&self) -> Connection {
        let connection = self.database();
        connection.execute_batch("BEGIN EXCLUSIVE").expect("nobody else has locked it");
        connection
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.process.terminate().expect("the service runs");
    }

    /// Waits until the service ends; `None` if it died by a signal.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.process.exit_code().expect("the service is a child")
    }
}

impl Drop for Service {
    /// Shows what the service has logged, if the test has failed.
    fn drop(&mut self) {
        if thread::panicking() {
            let log = fs::read_to_string(self.dir.path().join("log"));
            eprintln!("{}", log.unwrap_or_default());
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
