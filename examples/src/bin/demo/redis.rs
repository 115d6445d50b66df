//! A Redis of the demo's own: on a free port, without persistence.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cachefence_examples::BoxError;
use tokio::process::Command;

use crate::args::RedisArgs;
use crate::child::{Part, stdin_ends};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(5);

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
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut redis = Self { args: RedisArgs { port, dir: dir.to_owned() }, holder: None };
        redis.resume().await?;
        Ok(redis)
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
        self.holder = Some(Part::redis(&self.args)?);
        let client = redis::Client::open(self.url())?;
        let answers = async {
            while client.get_multiplexed_async_connection().await.is_err() {
                if !self.is_up() {
                    return Err("redis-server ended at once".into());
                }
                // A server that starts tells nobody when it listens.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        match tokio::time::timeout(PATIENCE, answers).await {
            Ok(result) => result,
            Err(_) => Err(format!("redis-server does not answer within {PATIENCE:?}").into()),
        }
    }

    /// Kills the server.
    pub(crate) async fn stop(&mut self) {
        if let Some(holder) = self.holder.take() {
            holder.end().await;
        }
    }
}

/// In a child: holds a server until standard input ends.
pub(crate) async fn hold(args: &RedisArgs) -> Result<(), BoxError> {
    let mut server = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &args.port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(&args.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    tokio::select! {
        status = server.wait() => return Err(format!("redis-server ended: {}", status?).into()),
        () = stdin_ends() => {}
    }
    Ok(server.kill().await?)
}
