//! One process of a fleet whose loads go wrong. Its arguments are the URL of the server (or `memory`), what its loads come
//! to, how many callers it has, and how long a load takes in milliseconds. It says `ready`, begins when its standard input has a
//! line, and prints what its callers and loads came to.

use std::io::{self, BufRead as _, Write as _};
use std::panic::resume_unwind;
use std::time::{Duration, Instant};
use std::{env, fmt};

use cachefence::{CacheFence, cachefence};
use cachefence_tests::{Crowd, Loads};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What loads come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An error that callers can share.
    Fails,
    /// An error that they cannot.
    FailsAlone,
    Panics,
    /// A value that is not to be cached.
    Uncacheable,
    /// A value. Half of the callers leave before it is there.
    Left,
    /// A value.
    Loads,
}

#[derive(Debug, Clone)]
struct Shareable;

#[derive(Debug)]
struct Unshareable;

impl fmt::Display for Shareable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("on purpose")
    }
}

/// What a caller has for all its loads.
#[derive(Clone)]
struct Caller {
    cache: CacheFence,
    loads: Loads,
    kind: Kind,
    takes: Duration,
}

impl Caller {
    /// Returns the ttl of its value, in seconds.
    async fn body(&self) -> Result<u64, Shareable> {
        let running = self.loads.begin();
        sleep(self.takes).await;
        drop(running);
        match self.kind {
            Kind::Fails | Kind::FailsAlone => Err(Shareable),
            // Without the hook, which would print a line for each.
            Kind::Panics => resume_unwind(Box::new("on purpose")),
            Kind::Uncacheable => Ok(0),
            Kind::Left | Kind::Loads => Ok(60),
        }
    }
}

#[cachefence(key = "crowd", ttl_of = |ttl: &u64| Duration::from_secs(*ttl), cache = caller.cache, skip(caller), entry = false)]
async fn shared(caller: &Caller) -> Result<u64, Shareable> {
    caller.body().await
}

#[cachefence(key = "crowd", ttl_of = |ttl: &u64| Duration::from_secs(*ttl), cache = caller.cache, skip(caller), entry = false)]
async fn alone(caller: &Caller) -> Result<u64, Unshareable> {
    caller.body().await.map_err(|_| Unshareable)
}

async fn call(caller: Caller, number: u64) {
    let returned = match caller.kind {
        Kind::Left if number.is_multiple_of(2) => {
            drop(timeout(caller.takes / 2, shared(&caller)).await);
            return;
        }
        Kind::FailsAlone => alone(&caller).await.is_ok(),
        _ => shared(&caller).await.is_ok(),
    };
    assert_eq!(returned, !matches!(caller.kind, Kind::Fails | Kind::FailsAlone));
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = env::args().collect();
    let [_, url, kind, callers, takes] = args.as_slice() else {
        panic!("four arguments");
    };
    let kind = match kind.as_str() {
        "fails" => Kind::Fails,
        "fails-alone" => Kind::FailsAlone,
        "panics" => Kind::Panics,
        "uncacheable" => Kind::Uncacheable,
        "left" => Kind::Left,
        "loads" => Kind::Loads,
        other => panic!("{other} is no kind"),
    };
    let builder = CacheFence::builder().op_timeout(Duration::from_secs(5));
    let builder = if url == "memory" { builder.in_memory() } else { builder.redis(url) };
    let cache = builder.build().await.expect("it connects");
    let takes = Duration::from_millis(takes.parse().expect("a number"));
    let caller = Caller { cache: cache.clone(), loads: Loads::default(), kind, takes };
    writeln!(io::stdout(), "ready").expect("somebody reads");
    io::stdin().lock().lines().next().expect("a line").expect("it is text");

    let mut calls = JoinSet::new();
    for number in 0..callers.parse().expect("a number") {
        let (caller, begun) = (caller.clone(), Instant::now());
        calls.spawn(async move {
            // In a task of its own, whose panic is one way to return.
            let panicked = tokio::spawn(call(caller, number)).await.is_err();
            assert_eq!(panicked, kind == Kind::Panics);
            begun.elapsed()
        });
    }
    let longest = calls.join_all().await.into_iter().max().expect("there are callers");
    let crowd = Crowd {
        longest,
        loads: caller.loads.count(),
        most_at_a_time: caller.loads.most_at_a_time(),
        stored: cache.stats().loads.stored,
    };
    serde_json::to_writer(io::stdout(), &crowd).expect("somebody reads");
}
