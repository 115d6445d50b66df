//! The cores that this thread and its children run on, and the CPU time of this process.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this thread may run on.
pub fn cores() -> Vec<usize> {
    let set = sched_getaffinity(None).expect("the kernel knows");
    (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
}

/// Keeps this thread to `cores`, and with it the threads and processes that it starts from now on.
pub fn keep_to(cores: &[usize]) {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    sched_setaffinity(None, &set).expect("the cores exist");
}

/// The CPU time that this process has used, in milliseconds.
pub fn used_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
