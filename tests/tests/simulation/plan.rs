//! What a seed stands for: everything about a run but the order that follows from it.

use std::time::Duration;

use crate::dice::Dice;

/// How long a worker waits for the store to answer.
pub(crate) const OP_TIMEOUT: Duration = Duration::from_millis(250);

/// The longest that a caller leaves its call alone.
pub(crate) const LONGEST_STALL: Duration = Duration::from_millis(900);

/// After how long a guest that is not polled is passed over.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(1);

/// How long the network is given to deliver what is left, once the trouble is over.
pub(crate) const CALM: Duration = Duration::from_millis(500);

/// How a worker talks to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A connection for each operation under way: the store meets them in any order.
    Pool,
    /// One connection, requests and replies in order, as the real client has it.
    Pipeline,
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) transport: Transport,
    pub(crate) workers: usize,
    pub(crate) keys: usize,
    /// How many tasks of each worker make calls.
    pub(crate) callers: usize,
    /// The longest that a task rests between two calls.
    pub(crate) rest: Duration,
    /// The longest that a worker rests between two changes of the database.
    pub(crate) change: Duration,
    /// Whether some changes are written to the cache instead of invalidated.
    pub(crate) sets: bool,
    /// The longest that a body takes which does not hang.
    pub(crate) longest_load: Duration,
    /// How many calls in a hundred have tasks load for them.
    pub(crate) detached: u64,
    /// Bodies fail, and nothing else does: no trouble, no changes, and every caller waits for its call, for however
    /// long. So a call meets nothing that would have it wait for more than two loads.
    pub(crate) only_failures: bool,
    pub(crate) load_timeout: Duration,
    pub(crate) ttl: Duration,
    pub(crate) beta: f64,
    pub(crate) lock_timeout: Duration,
    pub(crate) wait_for_lock: Duration,
    /// The longest that a message is under way while there is no trouble.
    pub(crate) latency: Duration,
    /// How long each host runs before the next one does.
    pub(crate) tick: Duration,
    /// How likely each message is to break its link.
    pub(crate) fail_rate: f64,
    /// How long there is trouble and work.
    pub(crate) chaos: Duration,
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, &[0]);
        let longest_wait = ms(dice.pick(&[400, 2_000]));
        let plan = Self {
            seed,
            transport: dice.pick(&[Transport::Pool, Transport::Pipeline]),
            workers: dice.pick(&[2, 3]),
            keys: dice.pick(&[1, 1, 2]),
            callers: dice.pick(&[2, 4, 8]),
            rest: ms(dice.pick(&[20, 100, 400])),
            change: ms(dice.pick(&[200, 600, 1_500])),
            sets: dice.percent(25),
            longest_load: ms(dice.pick(&[60, 800, 800])),
            detached: dice.pick(&[0, 50, 50, 100]),
            only_failures: dice.percent(15),
            load_timeout: ms(dice.pick(&[2_000, 5_000])),
            ttl: dice.millis(ms(200)..=ms(2_000)),
            beta: dice.pick(&[0.0, 1.0, 1.0, 8.0]),
            lock_timeout: dice.millis(ms(100)..=ms(500)),
            wait_for_lock: dice.millis(ms(100)..=longest_wait),
            latency: ms(dice.pick(&[4, 30, 120, 400])),
            tick: ms(dice.pick(&[2, 5])),
            fail_rate: dice.pick(&[0.0, 0.0, 0.002, 0.02]),
            chaos: dice.millis(ms(1_500)..=ms(3_500)),
        };
        if plan.only_failures { plan.without_trouble() } else { plan }
    }

    /// The same plan with a network that answers in time, leases that do not lapse, a `wait_for_lock` that does not end
    /// any wait, and values that live for longer than it takes to notice that another load has stored one.
    fn without_trouble(self) -> Self {
        Self {
            ttl: self.ttl.max(Duration::from_secs(1)),
            lock_timeout: Duration::from_secs(1),
            wait_for_lock: Duration::from_secs(20),
            latency: ms(4),
            fail_rate: 0.0,
            ..self
        }
    }
}
