//! Child processes: this program again, in another part. Each ends when its standard input does, so none outlives its
//! parent, however that ends.

use std::process::Stdio;
use std::time::Duration;

use cachefence_examples::BoxError;
use tokio::io::{AsyncReadExt as _, stdin};
use tokio::process::{Child, ChildStdin, Command};

use crate::args::{RedisArgs, WorkerArgs};

/// How long a child may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(3);

/// A child and the end of the pipe that keeps it alive: the child ends when this is dropped.
pub(crate) struct Part {
    pub(crate) process: Child,
    pub(crate) stdin: ChildStdin,
}

impl Part {
    pub(crate) fn worker(args: &WorkerArgs) -> Result<Self, BoxError> {
        let mut command = this_program()?;
        command.arg("worker").arg("--database").arg(&args.database);
        command.arg("--namespace").arg(&args.namespace);
        if let Some(url) = &args.redis {
            command.arg("--redis").arg(url);
        }
        command.stdout(Stdio::piped());
        Self::spawn(command)
    }

    pub(crate) fn redis(args: &RedisArgs) -> Result<Self, BoxError> {
        let mut command = this_program()?;
        command.arg("redis").arg("--port").arg(args.port.to_string()).arg("--dir").arg(&args.dir);
        Self::spawn(command)
    }

    pub(crate) fn cleanup(dir: &std::path::Path) -> Result<Self, BoxError> {
        let mut command = this_program()?;
        command.arg("cleanup").arg(dir);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Self, BoxError> {
        let mut process = command.stdin(Stdio::piped()).spawn()?;
        let stdin = process.stdin.take().expect("standard input is a pipe");
        Ok(Self { process, stdin })
    }

    /// Asks the child to end, and returns when it has.
    pub(crate) async fn end(self) {
        let Self { mut process, stdin } = self;
        drop(stdin);
        if tokio::time::timeout(PATIENCE, process.wait()).await.is_err() {
            let _ = process.kill().await;
        }
    }
}

/// In a process group of its own, so that a Ctrl-C in the terminal ends the parent alone, and the rest follows from that.
fn this_program() -> Result<Command, BoxError> {
    let mut command = Command::new(std::env::current_exe()?);
    #[cfg(unix)]
    command.process_group(0);
    Ok(command)
}

/// In a child: returns when the parent asks it to end, or is gone.
pub(crate) async fn stdin_ends() {
    let _ = stdin().read_to_end(&mut Vec::new()).await;
}

/// Removes `dir` when standard input ends.
pub(crate) async fn cleanup(dir: &std::path::Path) {
    stdin_ends().await;
    // Others that end now may still put files there.
    for _ in 0..20 {
        if std::fs::remove_dir_all(dir).is_ok() || !dir.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
