//! What the driver tells a worker, and what it says: a line of JSON each.

use std::io::{self, Write as _};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A task for a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Command {
    /// Makes sure that the keys are cached.
    Fill(Keys),
    /// Reads keys that are cached.
    Hits(Hits),
    /// Reads small values while other tasks read large ones.
    Beside(Beside),
    /// Many callers at once for one key.
    Burst(Burst),
    /// Reads one key for a while, which expires all the time.
    Expiry(Expiry),
}

/// What a worker says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Said {
    /// It is connected.
    Ready,
    /// A load has begun, of a burst that announces it.
    Loading,
    /// What became of a command.
    Filled,
    /// What became of a command.
    Hits(HitFigures),
    /// What became of a command.
    Burst(BurstFigures),
    /// What became of a command.
    Expiry(ExpiryFigures),
}

impl Said {
    /// Prints it for the driver.
    pub fn say(&self) {
        let mut line = serde_json::to_vec(self).expect("it is JSON");
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        // When the driver is gone, so is this process in a moment.
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
    }
}

/// How long a value is valid. Not a number, since an attribute has its own as a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lives {
    /// Longer than any scenario.
    AnHour,
    /// For the scenario in which it expires.
    ASecond,
}

impl Lives {
    /// The same as a number.
    pub fn ttl(self) -> Duration {
        match self {
            Self::AnHour => Duration::from_hours(1),
            Self::ASecond => Duration::from_secs(1),
        }
    }
}

/// Keys with values of one size: 0, 1, 2 and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// How many.
    pub count: u32,
    /// How long a value is in JSON.
    pub bytes: usize,
}

impl Keys {
    /// One of them. Of characters that no subject escapes.
    pub fn name(self, number: u32) -> String {
        format!("key-{}-{number}", self.bytes)
    }
}

/// How the next key is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// Each as often as any other.
    Uniform,
    /// The n-th most popular key with a frequency of 1/n.
    Zipf,
}

/// A batch of hits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Hits {
    /// Of which keys.
    pub keys: Keys,
    /// In which order.
    pub choice: Choice,
    /// By how many tasks, on each thread.
    pub tasks: u32,
    /// How many calls by each task.
    pub calls: u32,
    /// On how many threads, each with a core and a runtime of its own.
    pub threads: u32,
    /// Whether each call is timed, which costs some 50 ns.
    pub each: bool,
}

/// A batch of small hits beside large ones.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Beside {
    /// The small hits, by one task.
    pub small: Hits,
    /// The keys of the large ones.
    pub large: Keys,
    /// How many tasks read them.
    pub readers: u32,
    /// How long each of these rests between two reads; zero is not at all.
    pub rest_ms: u64,
}

/// Many callers at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Burst {
    /// For this key.
    pub key: String,
    /// How many.
    pub callers: u32,
    /// How long a load takes.
    pub load_ms: u64,
    /// Whether each load fails.
    pub fails: bool,
    /// Whether the first load is announced.
    pub announces: bool,
    /// When, after the callers were started, to look how much memory they hold: before the load ends.
    pub weigh_after_ms: Option<u64>,
}

/// Load on a key that expires.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Expiry {
    /// By how many tasks.
    pub tasks: u32,
    /// For how long.
    pub seconds: f64,
    /// How long a load takes.
    pub load_ms: u64,
    /// How long a value lives.
    pub lives: Lives,
}

/// What a batch of hits came to.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct HitFigures {
    /// The median of the calls in nanoseconds; of a batch whose calls are not timed, their mean.
    pub p50_ns: f64,
    /// The 99th percentile, if each was timed.
    pub p99_ns: f64,
    /// All calls over all the time.
    pub per_second: f64,
    /// Loads, of which there should be none.
    pub loads: u64,
    /// Allocations in a call, if this worker counts them.
    pub allocations: Option<f64>,
    /// Bytes allocated in a call, if this worker counts them.
    pub bytes: Option<f64>,
}

/// What a burst came to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BurstFigures {
    /// Loads that this process began.
    pub loads: u64,
    /// How long its loads took, in milliseconds.
    pub load_ms: Vec<f64>,
    /// How long each call took, in milliseconds, in order of length.
    pub calls_ms: Vec<f64>,
    /// From the end of the first load until the last caller was served.
    pub served_ms: Option<f64>,
    /// Callers that were given an error.
    pub errors: u64,
    /// CPU time of this process from before the callers were started, in milliseconds.
    pub cpu_ms: f64,
    /// Bytes held for each waiting caller, the task included, if this worker counts them.
    pub bytes_per_caller: Option<f64>,
}

/// What load on an expiring key came to.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ExpiryFigures {
    /// Calls.
    pub calls: u64,
    /// Loads.
    pub loads: u64,
    /// Calls that took longer than half a load.
    pub slow: u64,
    /// Those of them during which a load was under way: the others were held up by something else, such
    /// as a pause of the machine. `None` if this worker does not tell them apart.
    pub slow_beside_a_load: Option<u64>,
    /// The longest call, in milliseconds.
    pub longest_ms: f64,
    /// For how long it went on.
    pub seconds: f64,
}
