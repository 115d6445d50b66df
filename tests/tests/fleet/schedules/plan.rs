//! What a schedule does, drawn from its seed before it begins: a seed always gives the same steps, whatever the
//! processes make of them.

use std::time::Duration;

use cachefence_tests::fleet::How;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) threads: usize,
    pub(crate) workers: u64,
    pub(crate) keys: u64,
    /// Nothing but callers, cancellations and invalidations, and leases far longer than the schedule: a lock that is
    /// left then has been forgotten.
    pub(crate) calm: bool,
    pub(crate) lock_timeout: Duration,
    pub(crate) wait_for_lock: Duration,
    pub(crate) ttl: Duration,
    pub(crate) beta: f64,
    pub(crate) steps: Vec<(Step, Pause)>,
    /// At the end, whether what is under way is cancelled instead of answered.
    pub(crate) abandons: bool,
    /// Whether the n-th load is answered as soon as it asks.
    pub(crate) eager: Vec<bool>,
}

/// The numbers choose among what there is at that moment, whose count is the modulus.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Call {
        worker: u64,
        key: u64,
        count: u64,
        how: How,
    },
    End {
        load: u64,
        how: End,
    },
    Invalidate {
        worker: u64,
        key: u64,
    },
    Cancel {
        call: u64,
    },
    Kill {
        worker: u64,
    },
    Stop {
        worker: u64,
    },
    Resume {
        worker: u64,
    },
    /// `DEL` of the entry, of the lock, or of both.
    Delete {
        key: u64,
        entry: bool,
        lock: bool,
    },
    FlushAll,
    Evict,
}

/// How a load ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Value,
    NotCached,
    Error,
    Panic,
}

/// What happens between two steps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pause {
    None,
    /// Until something is heard of a worker.
    Event,
    For(Duration),
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let calm = rng.random_bool(0.25);
        let ms = Duration::from_millis;
        let lock_timeout = if calm { ms(20_000) } else { ms(rng.random_range(100..=300)) };
        // The last is never: who waits for a lock that is forgotten, or for a leader that is gone, is stranded.
        let wait_for_lock = [ms(40), ms(300), ms(600_000)][rng.random_range(0..3)];
        // A short one has values refreshed early and expire; a large beta, all the time.
        let ttl = if rng.random_bool(0.7) { ms(60_000) } else { ms(rng.random_range(20..=100)) };
        let beta = [1.0, 1.0, 20.0][rng.random_range(0..3)];
        let eagerness = [0.0, 0.3, 0.7][rng.random_range(0..3)];
        let steps = rng.random_range(15..=40);
        Self {
            threads: rng.random_range(1..=2),
            workers: rng.random_range(2..=4),
            keys: rng.random_range(1..=2),
            calm,
            lock_timeout,
            wait_for_lock,
            ttl,
            beta,
            steps: (0..steps).map(|_| (step(&mut rng, calm), pause(&mut rng))).collect(),
            abandons: rng.random_bool(0.3),
            eager: (0..256).map(|_| rng.random_bool(eagerness)).collect(),
        }
    }
}

fn step(rng: &mut StdRng, calm: bool) -> Step {
    let (worker, key, load, open) = (rng.random(), rng.random(), rng.random(), rng.random());
    match rng.random_range(0..if calm { 76 } else { 100 }) {
        0..32 => Step::Call { worker, key, count: rng.random_range(1..=4), how: how(rng) },
        32..45 => Step::End { load, how: End::Value },
        45..47 => Step::End { load, how: End::NotCached },
        47..50 => Step::End { load, how: End::Error },
        50..52 => Step::End { load, how: End::Panic },
        52..70 => Step::Invalidate { worker, key },
        70..76 => Step::Cancel { call: open },
        76..80 => Step::Kill { worker },
        80..86 => Step::Stop { worker },
        86..93 => Step::Resume { worker },
        93..97 => {
            let (entry, lock) =
                [(true, false), (false, true), (true, true)][rng.random_range(0..3)];
            Step::Delete { key, entry, lock }
        }
        97..99 => Step::FlushAll,
        _ => Step::Evict,
    }
}

fn how(rng: &mut StdRng) -> How {
    let deadline = Duration::from_millis(rng.random_range(1..=60));
    let has_deadline = rng.random_bool(0.2);
    How { detached: rng.random_bool(0.5), deadline: has_deadline.then_some(deadline) }
}

fn pause(rng: &mut StdRng) -> Pause {
    match rng.random_range(0..100) {
        0..45 => Pause::None,
        45..70 => Pause::Event,
        70..85 => Pause::For(Duration::from_micros(rng.random_range(50..3_000))),
        85..97 => Pause::For(Duration::from_millis(rng.random_range(3..40))),
        // Long enough for a lease to end.
        _ => Pause::For(Duration::from_millis(rng.random_range(100..350))),
    }
}
