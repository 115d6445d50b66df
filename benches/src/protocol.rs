//! The messages between the driver and a worker: each is one line of JSON.

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

/// A message of a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Said {
    /// The worker is connected to its store.
    Ready,
    /// The first load of a burst has begun; sent only if the burst asks for it (`Burst::announces`).
    Loading,
    /// The keys of a `Command::Fill` are cached.
    Filled,
    /// The figures of a `Command::Hits` or a `Command::Beside`.
    Hits(HitFigures),
    /// The figures of a `Command::Burst`.
    Burst(BurstFigures),
    /// The figures of a `Command::Expiry`.
    Expiry(ExpiryFigures),
}

impl Said {
    /// Sends the message to the driver, on standard output.
    pub fn say(&self) {
        let mut line = serde_json::to_vec(self).expect("a message is JSON");
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        // An error means that the driver is gone. Then standard input ends as well, and with it this process.
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
    }
}

/// How long a value is valid. This is a choice of two and no number, because the ttl of an attribute is a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lives {
    /// An hour, which is longer than any scenario.
    AnHour,
    /// A second, for the scenario in which values expire.
    ASecond,
}

impl Lives {
    /// The ttl itself.
    pub fn ttl(self) -> Duration {
        match self {
            Self::AnHour => Duration::from_hours(1),
            Self::ASecond => Duration::from_secs(1),
        }
    }
}

/// Keys with the numbers 0 to `count` - 1, whose values have one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// How many keys there are.
    pub count: u32,
    /// How many bytes a value has in JSON.
    pub bytes: usize,
}

impl Keys {
    /// The key with this number. No subject escapes any of its characters.
    pub fn name(self, number: u32) -> String {
        format!("key-{}-{number}", self.bytes)
    }
}

/// How the next key is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// Every key is as likely as any other.
    Uniform,
    /// The n-th most popular key has a frequency of 1/n.
    Zipf,
}

/// A batch of hits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Hits {
    /// The keys to read.
    pub keys: Keys,
    /// How the next key is chosen.
    pub choice: Choice,
    /// How many tasks read, on each thread.
    pub tasks: u32,
    /// How many calls each task makes.
    pub calls: u32,
    /// How many threads there are, each with a core and a runtime of its own.
    pub threads: u32,
    /// Whether each call is timed, which costs some 50 ns.
    pub each: bool,
}

/// A batch of small hits beside large ones.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Beside {
    /// The small hits, which one task makes.
    pub small: Hits,
    /// The keys of the large values.
    pub large: Keys,
    /// How many tasks read large values.
    pub readers: u32,
    /// How long each of these tasks rests between two reads; zero is no rest.
    pub rest_ms: u64,
}

/// Many callers at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Burst {
    /// The key that all of them ask for.
    pub key: String,
    /// How many callers there are.
    pub callers: u32,
    /// How long a load takes.
    pub load_ms: u64,
    /// Whether every load fails.
    pub fails: bool,
    /// Whether the worker says `Said::Loading` when the first load begins.
    pub announces: bool,
    /// How long after the start of the callers their memory is measured. The load has to last longer.
    pub weigh_after_ms: Option<u64>,
}

/// Load on a key that expires.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Expiry {
    /// How many tasks read the key.
    pub tasks: u32,
    /// For how long they read it.
    pub seconds: f64,
    /// How long a load takes.
    pub load_ms: u64,
    /// How long a value is valid.
    pub lives: Lives,
}

/// The figures of a batch of hits.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct HitFigures {
    /// The median of the calls in nanoseconds, or their mean if calls are not timed one by one.
    pub p50_ns: f64,
    /// The 99th percentile of the calls in nanoseconds, or their mean as above.
    pub p99_ns: f64,
    /// Calls per second, of all tasks together.
    pub per_second: f64,
    /// How many loads began; where all calls are hits there are none.
    pub loads: u64,
    /// Allocations per call, if this worker counts them.
    pub allocations: Option<f64>,
    /// Bytes allocated per call, if this worker counts them.
    pub bytes: Option<f64>,
}

impl AsRef<Self> for HitFigures {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// The figures of a burst.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BurstFigures {
    /// How many loads this process began.
    pub loads: u64,
    /// How long each of these loads took, in milliseconds.
    pub load_ms: Vec<f64>,
    /// How long each call took, in milliseconds, the shortest first.
    pub calls_ms: Vec<f64>,
    /// The time from the end of the first load until the last caller was served, in milliseconds.
    pub served_ms: Option<f64>,
    /// How many callers were given an error.
    pub errors: u64,
    /// CPU time that this process used for the burst, in milliseconds.
    pub cpu_ms: f64,
    /// Bytes held for each waiting caller, its task included, if this worker counts them.
    pub bytes_per_caller: Option<f64>,
}

/// The figures of load on an expiring key.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ExpiryFigures {
    /// How many calls were made.
    pub calls: u64,
    /// How many loads began.
    pub loads: u64,
    /// How many calls took longer than half a load.
    pub slow: u64,
    /// How many of the slow calls waited while a load was under way. The others were held up by something else, such as
    /// a pause of the machine. `None` if this worker does not tell them apart.
    pub slow_beside_a_load: Option<u64>,
    /// The longest call, in milliseconds.
    pub longest_ms: f64,
    /// For how long the key was read.
    pub seconds: f64,
}
