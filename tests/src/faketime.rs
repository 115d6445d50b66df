//! A wall clock that a test sets, for one process: a file, and libfaketime, which reads it.

use std::fs;
use std::path::{Path, PathBuf};

/// The wall clock of a process that is started with [`env`](Self::env). Its monotonic clock stays the true one.
#[derive(Clone, Debug)]
pub struct FakeClock {
    library: PathBuf,
    /// By how much the clock is ahead, as libfaketime reads it.
    file: PathBuf,
}

impl FakeClock {
    /// A true clock, set by a file of this name. `None` where libfaketime is missing; a line then says that the test
    /// is left out.
    pub fn new(file: impl Into<PathBuf>) -> Option<Self> {
        let clock = Self { library: library()?, file: file.into() };
        clock.set(0);
        Some(clock)
    }

    /// Whether there is libfaketime; a line says so where it is missing.
    pub(crate) fn is_available() -> bool {
        library().is_some()
    }

    /// Sets the clock, `ahead` seconds of the true one.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn set(&self, ahead: i64) {
        // Renamed into its place, because the process reads the file whenever it asks for the time.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{ahead:+}"))
            .and_then(|()| fs::rename(&new, &self.file))
            .unwrap_or_else(|error| panic!("{}: {error}", self.file.display()));
    }

    /// The environment of a process that goes by this clock.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        // The allocator that a server is linked to (jemalloc) asks for the time while it starts, when libfaketime
        // cannot answer yet because it needs memory first. With the C library's own before it, neither waits for the
        // other.
        let preloaded = format!("{} libc.so.6", self.library.display());
        [
            ("LD_PRELOAD", preloaded),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

/// The library that sets a process's clock; a line says so where it is missing.
fn library() -> Option<PathBuf> {
    let places = ["/usr/lib", "/usr/local/lib", "/lib"].map(fs::read_dir);
    let dirs = places.into_iter().flatten().flatten().flatten().map(|entry| entry.path());
    let found = dirs
        .map(|dir| dir.join("faketime/libfaketime.so.1"))
        .chain([Path::new("/usr/lib/faketime/libfaketime.so.1").to_owned()])
        .find(|path| path.exists());
    if found.is_none() {
        println!("NOT RUN: libfaketime is missing; `tests/setup` installs it where there is apt");
    }
    found
}
