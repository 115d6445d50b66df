//! What a server has refused is tried again once a minute, by one caller.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachefence::store::{Health, Status};
use cachefence::{CacheFence, Event};
use cachefence_tests::{DEADLINE, RedisServer, until};
use tokio::task::JoinSet;
use tokio::time;

const TTL: Duration = Duration::from_secs(3_600);

/// A server, and a cache of a user that was refused a command when the cache was built, and may run all now.
struct Mended {
    server: RedisServer,
    url: String,
    cache: CacheFence,
    /// What the cache has told that works again.
    restored: Arc<Mutex<Vec<String>>>,
}

impl Mended {
    async fn new(refused: &str) -> Self {
        let server = RedisServer::start();
        server.cli(&["ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all", refused]);
        let url = format!("redis://app:any@127.0.0.1:{}", server.port());
        let restored = Arc::<Mutex<Vec<_>>>::default();
        let note = Arc::clone(&restored);
        let observer = move |event: &Event<'_>| {
            if let Event::StoreRestored { what, .. } = event {
                note.lock().unwrap().push(what.to_string());
            }
        };
        let cache = CacheFence::builder().redis(&url).op_timeout(DEADLINE).beta(0.0);
        let cache = cache.observe(observer).build().await.unwrap();
        server.cli(&["ACL", "SETUSER", "app", "+@all"]);
        server.reset_stats();
        Self { server, url, cache, restored }
    }

    async fn load(&self, key: &str) {
        let load = || async { Ok::<_, Infallible>(1) };
        self.cache.get_or_set(key, TTL, load).await.unwrap();
    }

    fn restored(&self) -> Vec<String> {
        self.restored.lock().unwrap().clone()
    }

    fn says(&self, what: &str) -> Vec<String> {
        vec![format!("Redis at 127.0.0.1:{} {what}", self.server.port())]
    }
}

/// Lets tokio's clock go on by a minute. The server's does not.
async fn a_minute_passes() {
    time::pause();
    time::advance(Duration::from_secs(61)).await;
    time::resume();
}

#[tokio::test]
async fn scripts() {
    let mended = Mended::new("-@scripting").await;
    let works = |status: Status| (status.health, status.scripts, status.pushes);
    mended.load("a").await;
    assert_eq!(works(mended.cache.status()), (Health::Degraded, false, false));
    assert_eq!(mended.server.command_count("evalsha"), 0, "a minute has not passed");
    a_minute_passes().await;
    mended.load("b").await;
    assert_eq!(works(mended.cache.status()), (Health::Up, true, true));
    mended.load("c").await;
    assert!(mended.server.command_count("evalsha") >= 3, "all go on by scripts");
    assert_eq!(mended.restored(), mended.says("runs scripts again"));
}

#[tokio::test]
async fn scripts_that_are_still_refused_cost_one_caller_a_command() {
    let mended = Mended::new("-@scripting").await;
    mended.server.cli(&["ACL", "SETUSER", "app", "-@scripting"]);
    a_minute_passes().await;
    let rejected = || {
        let stats = mended.server.cli(&["INFO", "commandstats"]);
        let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:"));
        let count = line.and_then(|line| line.split("rejected_calls=").nth(1)?.split(',').next());
        count.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    for key in ["a", "b", "c"] {
        mended.load(key).await;
    }
    assert_eq!(rejected(), 1);
    assert!(!mended.cache.status().scripts && mended.restored().is_empty());
}

#[tokio::test]
async fn pushes() {
    let mended = Mended::new("-client").await;
    assert!(!mended.cache.status().pushes);
    a_minute_passes().await;
    // Somebody else loads the key, and a caller of this cache waits.
    let other = CacheFence::builder().redis(&mended.url).op_timeout(DEADLINE).build_lazy().unwrap();
    let (loads, go) = tokio::sync::oneshot::channel::<()>();
    let holder = tokio::spawn(async move {
        let load = || async {
            let _ = go.await;
            Ok::<_, Infallible>(1)
        };
        other.get_or_set("k", TTL, load).await.unwrap()
    });
    until("it loads", || !mended.server.scan_keys().is_empty()).await;
    let waits = async {
        mended.load("k").await;
    };
    let pushed = async {
        until("the waiter is told", || mended.cache.status().pushes).await;
        drop(loads);
    };
    tokio::join!(waits, pushed);
    assert_eq!(holder.await.unwrap(), 1);
    assert_eq!(mended.cache.status().health, Health::Up);
    assert_eq!(mended.cache.stats().requests.waited, 1);
    assert_eq!(mended.restored(), mended.says("tells again what has changed"));
}

#[tokio::test]
async fn the_read_of_many_keys() {
    /// As many callers as keys, and how often each reads.
    const CALLERS: u64 = 64;
    const ROUNDS: u64 = 20;
    let mended = Mended::new("+@all").await;
    let read = async || {
        mended.server.reset_stats();
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let cache = mended.cache.clone();
            callers.spawn(async move {
                for _ in 0..ROUNDS {
                    let load = || async { Ok::<_, Infallible>(number) };
                    cache.get_or_set(format!("k{number}"), TTL, load).await.unwrap();
                }
            });
        }
        callers.join_all().await;
        mended.server.command_count("get")
    };
    read().await;
    mended.server.cli(&["ACL", "SETUSER", "app", "-mget"]);
    read().await;
    mended.server.cli(&["ACL", "SETUSER", "app", "+mget"]);
    assert_eq!(read().await, ROUNDS * CALLERS, "a minute has not passed");
    a_minute_passes().await;
    let alone = read().await;
    assert!(alone < ROUNDS * CALLERS / 2, "{alone}");
}
