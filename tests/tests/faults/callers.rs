//! The callers of a cache whose store is in trouble, and what they notice of it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cachefence::{CacheFence, cachefence};
use cachefence_tests::{DEADLINE, Loads};
use tokio::time::{sleep, timeout};

use super::timings::{Timings, watched};

/// How long an operation of the store may take here.
pub(crate) const OP_TIMEOUT: Duration = Duration::from_millis(200);

/// How long a body takes.
pub(crate) const BODY: Duration = Duration::from_millis(10);

/// How many callers there are at a time, and for how many keys.
pub(crate) const CALLERS: u64 = 40;
pub(crate) const KEYS: u64 = 8;

pub(crate) const TTL: Duration = Duration::from_secs(600);

/// The callers of one cache, and the bodies that they run.
pub(crate) struct Callers {
    pub(crate) cache: CacheFence,
    /// The bodies of each row, by its id.
    bodies: Mutex<BTreeMap<u64, Loads>>,
}

#[cachefence(key = "row:<id>", ttl = "10m", cache = callers.cache.clone(), skip(callers))]
async fn annotated(callers: &Callers, id: u64) -> io::Result<String> {
    Ok(callers.body(id).await)
}

impl Callers {
    /// Of a cache on the server at `url` that gives an operation [`OP_TIMEOUT`]; does no I/O.
    pub(crate) fn new(url: &str) -> Self {
        Self::with_timeout(url, OP_TIMEOUT)
    }

    /// Of one that gives it a minute. For servers that answer: however busy the machine, none is taken for dead.
    pub(crate) fn patient(url: &str) -> Self {
        Self::with_timeout(url, DEADLINE)
    }

    fn with_timeout(url: &str, limit: Duration) -> Self {
        let builder = CacheFence::builder().redis(url).op_timeout(limit).beta(0.0);
        Self::of(builder.build_lazy().unwrap())
    }

    pub(crate) fn of(cache: CacheFence) -> Self {
        Self { cache, bodies: Mutex::default() }
    }

    /// How many bodies have been run.
    pub(crate) fn bodies(&self) -> u64 {
        let bodies = self.bodies.lock().unwrap();
        bodies.values().map(|of_row| u64::try_from(of_row.count()).unwrap()).sum()
    }

    /// The most bodies of one key that ever ran at a time.
    pub(crate) fn most_at_a_time(&self) -> usize {
        let bodies = self.bodies.lock().unwrap();
        bodies.values().map(Loads::most_at_a_time).max().unwrap_or(0)
    }

    /// What is cached.
    pub(crate) async fn body(&self, id: u64) -> String {
        let _running = self.bodies.lock().unwrap().entry(id).or_default().begin();
        sleep(BODY).await;
        row(id)
    }

    /// Calls for the row of `id`, by the annotated function or by the engine itself; they share a key.
    pub(crate) async fn call(&self, by_attribute: bool, id: u64) {
        let called = if by_attribute {
            annotated(self, id).await
        } else {
            let body = async || io::Result::Ok(self.body(id).await);
            self.cache.get_or_set(format!("row:{id}"), TTL, body).await.map_err(io::Error::other)
        };
        assert_eq!(called.expect("no call fails"), row(id));
    }

    /// `waves` times [`CALLERS`] calls at once, and how long each took.
    pub(crate) async fn calls(&self, waves: u64) -> Timings {
        let mut timings = Timings::default();
        for _ in 0..waves {
            let calls = (0..CALLERS).map(|caller| async move {
                let began = Instant::now();
                self.call(caller % 2 == 0, caller % KEYS).await;
                (began, Instant::now())
            });
            let (wave, stalls) = watched(timeout(DEADLINE, all(calls))).await;
            let wave = wave.expect("every call is served").into_iter();
            timings.add(wave.map(|(began, ended)| stalls.leave(began, ended)).collect());
        }
        timings
    }

    /// Calls until one is served from the cache; how long that took.
    pub(crate) async fn until_a_hit(&self) -> Duration {
        let began = Instant::now();
        while began.elapsed() < DEADLINE {
            let before = self.bodies();
            self.call(false, 0).await;
            if self.bodies() == before {
                return began.elapsed();
            }
        }
        panic!("no hit within {DEADLINE:?}");
    }

    /// Calls while the server refuses: bodies serve, one per key at a time, and nobody waits.
    pub(crate) async fn is_served(&self, what: &str) {
        const WAVES: u64 = 6;
        let before = self.bodies();
        let timings = self.calls(WAVES).await;
        timings.assert_undelayed(what);
        assert!(timings.len() >= 200);
        assert!(self.bodies() > before, "{what}: bodies serve the calls");
        assert_eq!(self.most_at_a_time(), 1, "{what}: one body per key at a time");
    }

    /// Waits until calls are hits again, with nothing restarted; then everything is cached at once.
    pub(crate) async fn heals(&self, what: &str) {
        println!("{what}: the first hit {:.0?} after it ended", self.until_a_hit().await);
        self.fill(what).await;
    }

    /// Fills the cache, so that there is something to lose.
    pub(crate) async fn warm(&self) {
        self.fill("before anything happened").await;
    }

    /// Calls for every key: all of them are hits from then on.
    ///
    /// Except where a server that is well took longer than an operation may, which is what one on a busy
    /// machine does: its callers are right to do without it, and it is asked again.
    async fn fill(&self, what: &str) {
        const MOST_ROUNDS: u32 = 10;
        let mut too_slow = false;
        for round in 1..=MOST_ROUNDS {
            let mut timings = Timings::default();
            for id in 0..KEYS {
                let began = Instant::now();
                self.call(true, id).await;
                timings.add(vec![began.elapsed()]);
            }
            let before = self.bodies();
            timings.join(self.calls(1).await);
            if self.bodies() == before {
                return;
            }
            too_slow |= timings.longest() >= OP_TIMEOUT;
            assert!(too_slow, "{what}: not everything is cached after round {round}, {timings}");
            println!("{what}: the server was too slow for this machine, {timings}");
        }
        panic!("{what}: the server is still too slow after {MOST_ROUNDS} rounds");
    }
}

/// What the row of `id` holds.
fn row(id: u64) -> String {
    format!("the row of {id}")
}

/// All of `futures` at the same time.
pub(crate) async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        let mut ready = true;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}
