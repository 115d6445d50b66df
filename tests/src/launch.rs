//! Starts the process of a server.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::builder::RedisServerBuilder;
use crate::faketime::FakeClock;
use crate::guard::GuardedChild;
use crate::{Identity, port};

/// Names the binary of every server.
const VARIABLE: &str = "CACHEFENCE_REDIS_SERVER";

/// The binary where nothing names one.
const DEFAULT: &str = "redis-server";

/// The line that a server logs when it is ready.
const READY: &str = "Ready to accept connections";

/// The line that a sentinel logs once it listens.
const READY_SENTINEL: &str = "Sentinel ID is";

/// The file that a sentinel rewrites, in its directory.
const SENTINEL_CONFIG: &str = "sentinel.conf";

/// How long a server may take to become ready. It takes about 10 ms; a loaded machine takes longer.
const READY_DEADLINE: Duration = Duration::from_secs(10);

/// The ports of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) tls: Option<u16>,
}

impl Ports {
    /// Ports that nobody listens on at the moment. A cluster's node has its bus 10,000 above that of TLS, if it has one.
    pub(crate) fn free(options: &RedisServerBuilder) -> Self {
        let of_a_node = || if options.cluster { port::free_for_a_node() } else { port::free() };
        match options.tls {
            Some(_) => Self { plain: port::free(), tls: Some(of_a_node()) },
            None => Self { plain: of_a_node(), tls: None },
        }
    }
}

/// Why a server did not start.
pub(crate) enum Failure {
    PortTaken,
    Other(String),
}

/// Starts the process and waits until it says that it accepts connections.
pub(crate) fn launch(
    dir: &Path,
    ports: Ports,
    clock: Option<&FakeClock>,
    options: &RedisServerBuilder,
) -> Result<GuardedChild, Failure> {
    let binary = env::var_os(VARIABLE).unwrap_or_else(|| DEFAULT.into());
    let mut command = Command::new(&binary);
    if let Some(config) = &options.sentinel {
        let file = dir.join(SENTINEL_CONFIG);
        // A sentinel that starts again goes on from what it has written.
        if !file.exists() {
            fs::write(file, config).map_err(|error| Failure::Other(error.to_string()))?;
        }
        command.args([SENTINEL_CONFIG, "--sentinel"]);
    }
    command
        .envs(clock.map(FakeClock::env).unwrap_or_default())
        .args(["--bind", "127.0.0.1", "--port", &ports.plain.to_string()])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .args(["--pidfile", "redis.pid"]); // `tests/run` looks for these
    if let (Some(port), Some(certificates)) = (ports.tls, &options.tls) {
        let Identity { certificate, key } = &certificates.identity;
        command.args(["--tls-port", &port.to_string()]);
        for (option, name, pem) in [
            ("--tls-cert-file", "server.pem", certificate),
            ("--tls-key-file", "server.key", key),
            ("--tls-ca-cert-file", "authorities.pem", &certificates.authorities),
        ] {
            fs::write(dir.join(name), pem).map_err(|error| Failure::Other(error.to_string()))?;
            command.args([option, name]);
        }
    }
    if let Some(password) = &options.password {
        command.args(["--requirepass", password]);
    }
    command.args(options.user());
    command.args(&options.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());

    let mut process = GuardedChild::spawn(&mut command, dir).map_err(|error| {
        Failure::Other(format!(
            "{}: {error}; `tests/run` installs {DEFAULT}, unless {VARIABLE} names another binary",
            binary.display()
        ))
    })?;
    let stdout = process.child().stdout.take().expect("stdout is a pipe");
    let is_ready = if options.sentinel.is_some() { READY_SENTINEL } else { READY };
    await_ready(stdout, is_ready).map(|()| process)
}

/// Reads the server's log up to the line that says it is ready, and goes on reading so that it is never blocked.
fn await_ready(stdout: ChildStdout, is_ready: &str) -> Result<(), Failure> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });

    let deadline = Instant::now() + READY_DEADLINE;
    let mut log = String::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line.contains(is_ready) => return Ok(()),
            Ok(line) if line.contains("Address already in use") => return Err(Failure::PortTaken),
            Ok(line) => log.extend([line.as_str(), "\n"]),
            Err(RecvTimeoutError::Timeout) => {
                return Err(Failure::Other(format!(
                    "redis-server was not ready in {READY_DEADLINE:?}:\n{log}"
                )));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::Other(format!("redis-server did not start:\n{log}")));
            }
        }
    }
}
