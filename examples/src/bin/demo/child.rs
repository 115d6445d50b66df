//! Child processes: this program again, in another role. Each ends when its standard input does, so none outlives its
//! parent, however that ends.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cachefence_examples::BoxError;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, stdin};
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{RedisArgs, WORKER_REDIS, WorkerArgs};

/// How long a child may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(3);

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
            // Not an argument, because every user of the machine can read those, and the URL may hold a password.
            command.env(WORKER_REDIS, url);
        }
        command.stdout(Stdio::piped());
        Self::spawn(command)
    }

    pub(crate) fn redis(args: &RedisArgs) -> Result<Self, BoxError> {
        let mut command = this_program()?;
        command.arg("redis").arg("--port").arg(args.port.to_string()).arg("--dir").arg(&args.dir);
        command.stdout(Stdio::piped());
        Self::spawn(command)
    }

    pub(crate) fn cleanup(dir: &Path) -> Result<Self, BoxError> {
        let mut command = this_program()?;
        command.arg("cleanup").arg(dir);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Self, BoxError> {
        let mut process = command.stdin(Stdio::piped()).spawn()?;
        let stdin = process.stdin.take().expect("standard input is a pipe");
        Ok(Self { process, stdin })
    }

    /// Asks the child to end, and returns when it has. A child that does not is killed, with what it has started.
    pub(crate) async fn end(self) {
        let Self { mut process, stdin } = self;
        drop(stdin);
        if tokio::time::timeout(END_LIMIT, process.wait()).await.is_err() {
            let id = process.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
            if let Some(group) = id {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = process.wait().await;
        }
    }
}

/// In a process group of its own, so that a Ctrl-C in the terminal ends the parent alone, and the rest follows from that.
fn this_program() -> Result<Command, BoxError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.process_group(0);
    Ok(command)
}

/// Resolves when the user or the system asks the process to end. From now on these signals alone do not end it.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, BoxError> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// In a child: resolves when the parent asks it to end or is gone, or a signal asks.
pub(crate) fn asked_to_end() -> Result<impl Future<Output = ()>, BoxError> {
    let signal = stop_signal()?;
    Ok(async {
        tokio::select! {
            () = stdin_ends() => {}
            () = signal => {}
        }
    })
}

async fn stdin_ends() {
    let _ = stdin().read_to_end(&mut Vec::new()).await;
}

/// Removes `dir` when standard input ends.
pub(crate) async fn cleanup(dir: &Path) -> Result<(), BoxError> {
    // Signals change nothing: `pkill demo` reaches this process too, and then there is a directory to remove.
    let _signals = stop_signal()?;
    stdin_ends().await;
    // Others that end now may still put files there.
    for _ in 0..20 {
        if std::fs::remove_dir_all(dir).is_ok() || !dir.exists() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("{} could not be removed", dir.display()).into())
}
