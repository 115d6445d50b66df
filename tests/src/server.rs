//! A `redis-server` of the test's own.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo, Value};
use tempfile::TempDir;

use crate::builder::{NO_SCRIPTS, RedisServerBuilder};
use crate::guard::GuardedChild;
use crate::launch::{Failure, Ports, launch};
use crate::log::watch;
use crate::{FakeClock, acl};

/// How long the harness waits for an answer to a command of its own, say from a server that a test has paused.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// How many ports are tried, each of which another process may have taken in the meantime.
const PORTS_TRIED: usize = 20;

/// A running `redis-server` on a port and in a directory of its own, without persistence.
///
/// Dropping it kills and reaps the process, also when the test panics; when the test process itself is killed, the
/// server goes with it.
#[derive(Debug)]
pub struct RedisServer {
    /// `None` between [`kill`](Self::kill) and [`restart`](Self::restart). Declared before `dir`: dropped before it.
    process: Option<GuardedChild>,
    dir: TempDir,
    ports: Ports,
    /// The server's wall clock, if the test sets it.
    clock: Option<FakeClock>,
    options: RedisServerBuilder,
}

impl RedisServer {
    /// Starts a server with nothing but the defaults.
    ///
    /// # Panics
    ///
    /// As [`RedisServerBuilder::start`].
    #[must_use = "the server is killed when it is dropped"]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts one that refuses scripts; see [`NO_SCRIPTS`].
    ///
    /// # Panics
    ///
    /// As [`RedisServerBuilder::start`].
    #[must_use = "the server is killed when it is dropped"]
    pub fn without_scripts() -> Self {
        Self::builder().args(NO_SCRIPTS).start()
    }

    /// Starts a server with options: `RedisServer::builder().password("secret").start()`.
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    /// Starts a server; an error is the reason why it does not start.
    pub(crate) fn start_with(options: RedisServerBuilder) -> Result<Self, String> {
        watch();
        let dir = tempfile::Builder::new()
            .prefix("cachefence-redis-")
            .tempdir()
            .expect("a temporary directory");
        let clock = options.faketime.then(|| FakeClock::new(dir.path().join("clock")));
        let clock = clock.flatten();
        for _ in 0..PORTS_TRIED {
            let ports = Ports::free(&options);
            match launch(dir.path(), ports, clock.as_ref(), &options) {
                Ok(process) => {
                    return Ok(Self { process: Some(process), dir, ports, clock, options });
                }
                Err(Failure::PortTaken) => {}
                Err(Failure::Other(reason)) => return Err(reason),
            }
        }
        Err(format!("each of {PORTS_TRIED} free ports was taken before redis-server could bind it"))
    }

    /// The URL of the server, for a cache: its user may do what a cache needs, and nothing else. The harness itself
    /// ([`cli`](Self::cli), [`connection`](Self::connection)) may do everything.
    pub fn url(&self) -> String {
        acl::url(&format!("127.0.0.1:{}", self.ports.plain))
    }

    /// As [`url`](Self::url), of the port for TLS.
    ///
    /// # Panics
    ///
    /// When it has none.
    #[track_caller]
    pub fn tls_url(&self) -> String {
        let port = self.tls_port().expect("a port for TLS");
        acl::url(&format!("127.0.0.1:{port}")).replacen("redis://", "rediss://", 1)
    }

    /// The port, on 127.0.0.1. It stays the same through [`restart`](Self::restart).
    pub fn port(&self) -> u16 {
        self.ports.plain
    }

    /// The port for TLS, on 127.0.0.1, of a node of a cluster or a sentinel that speaks it.
    pub fn tls_port(&self) -> Option<u16> {
        self.ports.tls
    }

    /// The port by which nodes of a cluster and sentinels know it: that for TLS if it has one.
    pub(crate) fn announced_port(&self) -> u16 {
        self.ports.tls.unwrap_or(self.ports.plain)
    }

    /// The process id.
    ///
    /// # Panics
    ///
    /// When the server has been killed.
    pub fn pid(&self) -> u32 {
        self.process().id()
    }

    /// The server's working directory; it is deleted with the server.
    ///
    /// Relative paths in arguments start here: `--unixsocket redis.sock` is `dir().join("redis.sock")`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Opens a connection that sends no command of its own (`AUTH` excepted), for what [`cli`](Self::cli) cannot say.
    ///
    /// # Panics
    ///
    /// When the server does not accept it.
    pub fn connection(&self) -> redis::Connection {
        let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(password) = &self.options.password {
            login = login.set_password(password);
        }
        let connection = ConnectionAddr::Tcp("127.0.0.1".to_owned(), self.ports.plain)
            .into_connection_info()
            .map(|info| info.set_redis_settings(login))
            .and_then(redis::Client::open)
            .and_then(|client| client.get_connection_with_timeout(ANSWER_DEADLINE));
        let connection = connection
            .unwrap_or_else(|error| panic!("connecting to port {}: {error}", self.ports.plain));
        connection.set_read_timeout(Some(ANSWER_DEADLINE)).expect("a timeout above zero");
        connection
    }

    /// Sends one command and returns the answer as `redis-cli` prints it to a pipe.
    ///
    /// Nil is the empty string, the elements of an array stand on lines of their own, and a string that is not UTF-8
    /// is made so: use [`connection`](Self::connection) where that matters.
    ///
    /// # Panics
    ///
    /// When the command fails or is not answered in 10 seconds.
    #[track_caller]
    pub fn cli(&self, command: &[&str]) -> String {
        let (name, args) = command.split_first().expect("a command has a name");
        match redis::cmd(name).arg(args).query::<Value>(&mut self.connection()) {
            Ok(answer) => print(&answer),
            Err(error) => panic!("{command:?}: {error}"),
        }
    }

    /// Stops the process with SIGSTOP: connections stay open and nothing is answered. Returns when it has stopped.
    ///
    /// # Panics
    ///
    /// When the server has been killed.
    pub fn pause(&self) {
        self.process().pause().expect("the server can be stopped");
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Panics
    ///
    /// When the server has been killed.
    pub fn resume(&self) {
        self.process().resume().expect("the server can go on");
    }

    /// Sets the server's wall clock, `ahead` seconds of the true one, and returns when `TIME` shows it. The clock stays
    /// so through [`restart`](Self::restart).
    ///
    /// # Panics
    ///
    /// When the server was not started with [`faketime`](RedisServerBuilder::faketime), or does not heed it.
    #[track_caller]
    pub fn set_clock(&self, ahead: i64) {
        let clock = self.clock.as_ref().expect("a server with `faketime`");
        clock.set(ahead);
        let begun = Instant::now();
        loop {
            // Whole seconds are compared, so a second passes for the one before.
            let off = self.clock_ahead() - ahead;
            if (-1..=1).contains(&off) {
                return;
            }
            assert!(begun.elapsed() < ANSWER_DEADLINE, "the server's clock is {off} s off");
        }
    }

    /// By how many seconds the server's clock is ahead of the true one.
    fn clock_ahead(&self) -> i64 {
        let time = redis::cmd("TIME").query::<(i64, i64)>(&mut self.connection());
        let (theirs, _) = time.unwrap_or_else(|error| panic!("TIME: {error}"));
        let ours = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
        theirs - i64::try_from(ours.as_secs()).expect("a time that fits")
    }

    /// Kills the process with SIGKILL and returns when it is gone. Killing it twice does nothing.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the server again, empty, on the same port and with the same options; kills it first if it runs.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        match launch(self.dir.path(), self.ports, self.clock.as_ref(), &self.options) {
            Ok(process) => self.process = Some(process),
            Err(Failure::PortTaken) => {
                panic!("port {} was taken while the server was down", self.ports.plain)
            }
            Err(Failure::Other(reason)) => panic!("{reason}"),
        }
    }

    /// Whether it has not been killed.
    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// The password of the default user, as whom the harness logs in.
    pub(crate) fn password(&self) -> Option<&str> {
        self.options.password.as_deref()
    }

    #[track_caller]
    fn process(&self) -> &GuardedChild {
        self.process.as_ref().expect("the server has been killed")
    }
}

/// Formats an answer as `redis-cli` does when its output is not a terminal.
fn print(answer: &Value) -> String {
    match answer {
        Value::Nil => String::new(),
        Value::Int(number) => number.to_string(),
        Value::Okay => "OK".to_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Array(elements) => elements.iter().map(print).collect::<Vec<_>>().join("\n"),
        other => panic!("not an answer of RESP2: {other:?}"),
    }
}
