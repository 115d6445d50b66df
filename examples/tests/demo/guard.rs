//! A process group that does not outlive the test, however the test ends.
//!
//! Nothing runs in a test process that is killed. So a shell waits for the end of a pipe whose other end only the test
//! process holds; the kernel closes the pipe with the process, and the shell then kills the group and deletes its
//! directory.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tempfile::TempDir;

/// `$1` is the group, `$2` its directory. Nothing is ever written to the pipe. A process that is being killed may still
/// write into the directory, hence the second try.
const WATCH: &str = r#"read -r line; kill -KILL "-$1"; rm -rf "$2" || { sleep 1; rm -rf "$2"; }"#;

/// A child that leads a process group, and the group's temporary directory.
pub(crate) struct Group {
    child: Child,
    watcher: Child,
    dir: TempDir,
}

impl Group {
    /// Starts the command with a temporary directory of its own.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut child = command.env("TMPDIR", dir.path()).process_group(0).spawn()?;
        let watcher = Command::new("sh")
            .args(["-c", WATCH, "watcher", &child.id().to_string()])
            .arg(dir.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match watcher {
            Ok(watcher) => Ok(Self { child, watcher, dir }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the child to end.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?;
        // The watcher goes before the child is reaped: from then on another group may be given the id that it kills.
        self.watcher.kill()?;
        self.watcher.wait()?;
        self.child.wait()
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The end of the pipe has the shell do the rest, before the child is reaped and its id may be given away.
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
        let _ = self.child.wait();
    }
}
