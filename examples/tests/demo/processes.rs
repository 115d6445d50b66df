//! What the operating system says of processes.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::browser::DEADLINE;

/// A process that runs.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    parent: u32,
    pub(crate) command: String,
}

/// All processes that run; one that has ended and was not reaped does not.
fn all() -> Vec<Process> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat=,args="]).output();
    let output = output.expect("there is a `ps`").stdout;
    let lines = String::from_utf8_lossy(&output);
    lines
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let runs = !words.next()?.starts_with('Z');
            let command = words.collect::<Vec<_>>().join(" ");
            runs.then_some(Process { pid, parent, command })
        })
        .collect()
}

/// The children of a process, and theirs.
pub(crate) fn below(pid: u32) -> Vec<Process> {
    let all = all();
    let (mut found, mut parents) = (Vec::<Process>::new(), vec![pid]);
    while let Some(parent) = parents.pop() {
        let children = all.iter().filter(|process| process.parent == parent);
        parents.extend(children.clone().map(|child| child.pid));
        found.extend(children.cloned());
    }
    found
}

pub(crate) fn runs(pid: u32) -> bool {
    all().iter().any(|process| process.pid == pid)
}

/// Sends a signal, such as `TERM`, to each.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(pids.iter().map(u32::to_string));
    assert!(kill.status().expect("there is a `kill`").success(), "kill -{name} {pids:?}");
}

/// Waits until none of them runs.
#[track_caller]
pub(crate) fn until_gone(processes: &[Process]) {
    let begun = Instant::now();
    loop {
        let all = all();
        let same = |one: &Process| all.iter().any(|other| other.pid == one.pid);
        let left: Vec<_> = processes.iter().filter(|process| same(process)).collect();
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "still running: {left:#?}");
        thread::sleep(Duration::from_millis(50));
    }
}
