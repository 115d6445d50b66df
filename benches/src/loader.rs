//! The loader: it makes the values, in place of a database.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::protocol::Said;
use crate::value::Profile;

/// A load that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed(pub String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the load failed: {}", self.0)
    }
}

impl std::error::Error for Failed {}

/// Stands for the database. A loader decides how long a load takes, and remembers the loads.
#[derive(Debug)]
pub struct Loader {
    value: Profile,
    takes: Duration,
    fails: bool,
    announces: bool,
    announced: AtomicBool,
    loads: AtomicU64,
    spans: Mutex<Vec<(Instant, Instant)>>,
}

impl Loader {
    /// A loader of values of `bytes` bytes, of which each load takes `takes`.
    pub fn new(bytes: usize, takes: Duration) -> Self {
        Self {
            value: Profile::of_size(bytes),
            takes,
            fails: false,
            announces: false,
            announced: AtomicBool::new(false),
            loads: AtomicU64::new(0),
            spans: Mutex::default(),
        }
    }

    /// Whether every load fails.
    #[must_use]
    pub fn fails(mut self, fails: bool) -> Self {
        self.fails = fails;
        self
    }

    /// Whether the first load is announced to the driver.
    #[must_use]
    pub fn announces(mut self, announces: bool) -> Self {
        self.announces = announces;
        self
    }

    /// Loads a value.
    pub async fn load(&self, key: &str) -> Result<Profile, Failed> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let begun = Instant::now();
        if self.announces && !self.announced.swap(true, Ordering::Relaxed) {
            Said::Loading.say();
        }
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        self.spans.lock().expect("no holder panics").push((begun, Instant::now()));
        if self.fails { Err(Failed(key.to_owned())) } else { Ok(self.value.clone()) }
    }

    /// Counts a failed hit as a load.
    pub fn note(&self) {
        self.loads.fetch_add(1, Ordering::Relaxed);
    }

    /// How many loads began.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// When each finished load began and ended.
    pub fn spans(&self) -> Vec<(Instant, Instant)> {
        self.spans.lock().expect("no holder panics").clone()
    }
}
