//! The code that the programs share: a real database, cache-aside as it is usually written, percentiles, and a few helpers.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

pub mod database;
pub mod naive;
pub mod times;

/// Any error, for programs that only show it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Returns a namespace that no other run uses, so its keys are cold.
pub fn namespace(prefix: &str) -> String {
    let started = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!("{prefix}-{}-{started}", std::process::id())
}

/// Joins an error and its sources, less those that it repeats itself.
pub fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        source = error.source();
    }
    line
}

/// Locks a mutex whose value is whole even after a panic.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The README's examples compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
