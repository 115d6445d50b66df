//! A child process that does not outlive the process that started it, however that one ends.
//!
//! `Drop` covers a test that returns or panics, but nothing runs in a test process that is aborted or killed.
//! For this, a shell beside the child waits for the end of a pipe whose other end only this process holds: when
//! this process is gone, for whatever reason, the kernel closes the pipe and the shell kills the child and deletes
//! its directory.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// `$1` is the child, `$2` its directory. `read` returns at the end of the pipe; nothing is ever written to it.
/// The directory goes first, so that whoever sees the child gone finds nothing left.
const WATCH: &str = r#"read -r line; rm -rf "$2"; kill -KILL "$1""#;

/// A child that is killed when it is dropped, and when this process ends, however that happens.
#[derive(Debug)]
pub struct GuardedChild {
    child: Child,
    watcher: Child,
}

impl GuardedChild {
    /// Starts `command` in `dir`, and its watcher.
    ///
    /// Both get process groups of their own, so that a Ctrl-C in the terminal ends the test process alone and the
    /// rest follows from that: a stopped child would never act on the signal.
    pub fn spawn(command: &mut Command, dir: &Path) -> io::Result<Self> {
        let mut child = command.current_dir(dir).process_group(0).spawn()?;
        let watcher = Command::new("sh")
            .args(["-c", WATCH, "watcher", &child.id().to_string()])
            .arg(dir)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match watcher {
            Ok(watcher) => Ok(Self { child, watcher }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The child itself.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the child to end, with SIGTERM.
    pub fn terminate(&self) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }

    /// Waits until the child ends, and returns its exit code; `None` if a signal ended it.
    pub fn exit_code(&self) -> io::Result<Option<i32>> {
        // NOWAIT leaves the child for `drop`, which reaps it after the watcher.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?;
        Ok(status.and_then(|status| status.exit_status()))
    }

    /// Stops the child with SIGSTOP and returns when it has stopped, or has exited.
    pub(crate) fn pause(&self) -> io::Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP)?;
        // NOWAIT leaves the exit status for `Child::wait`.
        waitid(
            WaitId::Pid(pid),
            WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )?;
        Ok(())
    }

    /// Lets a stopped child go on.
    pub(crate) fn resume(&self) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::CONT)?)
    }
}

impl Drop for GuardedChild {
    /// Kills the child with SIGKILL, which also ends a stopped one, and reaps both processes.
    fn drop(&mut self) {
        let _ = self.child.kill();
        // The watcher goes before the child is reaped: until then nobody else can be given the process id it kills.
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        let _ = self.child.wait();
    }
}
