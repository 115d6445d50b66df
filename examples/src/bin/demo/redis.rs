//! A Redis of the demo's own: on a free port, without persistence.

use std::net::TcpListener;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use cachefence_examples::BoxError;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::args::RedisArgs;
use crate::child::{Part, asked_to_end};

/// How long a server may take to start.
const READY_LIMIT: Duration = Duration::from_secs(5);

/// How many ports are tried: another program may take a free one before the server does.
const PORTS: usize = 3;

pub(crate) struct OwnRedis {
    args: RedisArgs,
    /// The process that holds the server; `None` while it is stopped.
    holder: Option<Part>,
}

impl OwnRedis {
    /// Whether there is a `redis-server` on the `PATH`.
    pub(crate) async fn is_installed() -> bool {
        let mut version = Command::new("redis-server");
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().await.is_ok_and(|status| status.success())
    }

    /// Starts a server on a free port.
    pub(crate) async fn start(dir: &Path) -> Result<Self, BoxError> {
        let mut tries = 1;
        loop {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut redis = Self { args: RedisArgs { port, dir: dir.to_owned() }, holder: None };
            match redis.resume().await {
                Ok(()) => return Ok(redis),
                Err(error) if tries == PORTS => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.args.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    pub(crate) fn is_up(&mut self) -> bool {
        let ended = |holder: &mut Part| !matches!(holder.process.try_wait(), Ok(None));
        if self.holder.as_mut().is_some_and(ended) {
            self.holder = None;
        }
        self.holder.is_some()
    }

    /// Starts the server on its port; it is empty.
    pub(crate) async fn resume(&mut self) -> Result<(), BoxError> {
        let mut holder = Part::redis(&self.args)?;
        let ready = tokio::time::timeout(READY_LIMIT, ready(&mut holder)).await;
        match ready.unwrap_or_else(|_| Err("redis-server does not start".into())) {
            Ok(()) => self.holder = Some(holder),
            Err(error) => {
                holder.end().await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Kills the server.
    pub(crate) async fn stop(&mut self) {
        if let Some(holder) = self.holder.take() {
            holder.end().await;
        }
    }
}

/// Returns when the server's log says that it listens.
async fn ready(holder: &mut Part) -> Result<(), BoxError> {
    let log = holder.process.stdout.take().ok_or("no standard output")?;
    let mut lines = BufReader::new(log).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains("Ready to accept connections") {
            // The rest is read too, because a server whose log nobody reads stands still when the pipe is full.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(());
        }
    }
    Err("redis-server ended at once".into())
}

/// In a child: holds a server until it is asked to end. The server's log goes to standard output.
pub(crate) async fn hold(args: &RedisArgs) -> Result<(), BoxError> {
    let asked = pin!(asked_to_end()?);
    let mut server = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &args.port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(&args.dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    tokio::select! {
        status = server.wait() => return Err(format!("redis-server ended: {}", status?).into()),
        () = asked => {}
    }
    Ok(server.kill().await?)
}
