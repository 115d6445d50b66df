//! What the log, the counters and the status say of a Redis in trouble.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachefence::store::Health;
use cachefence::{CacheFence, Event};
use cachefence_tests::{DEADLINE, Fault, Line, Log, Proxy, RedisServer};
use tokio::time::timeout;
use tracing::Level;

use super::callers::OP_TIMEOUT;

const TTL: Duration = Duration::from_secs(60);

async fn get(cache: &CacheFence, key: &str) -> u64 {
    cache.get_or_set(key, TTL, || async { Ok::<_, Infallible>(1) }).await.unwrap()
}

/// Calls until `done`, which is asked after each call.
async fn call_until(cache: &CacheFence, done: impl Fn(&CacheFence) -> bool) {
    let calls = async {
        while !done(cache) {
            get(cache, "k").await;
            // A call that contacts nobody does not let the probe run.
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, calls).await.expect("it happens");
}

/// The warnings that hold `text`.
fn warnings(log: &Log, text: &str) -> usize {
    log.events(Level::WARN).iter().filter(|line| line.message.contains(text)).count()
}

#[tokio::test]
async fn an_outage_and_its_end() {
    let (log, mut server) = (Log::open(), RedisServer::start());
    let cache = server.cache().await;
    get(&cache, "k").await;
    assert_eq!(cache.status().health, Health::Up);
    server.kill();
    call_until(&cache, |cache| cache.status().health == Health::Down).await;
    get(&cache, "k").await;
    server.restart();
    call_until(&cache, |cache| cache.status().health == Health::Up).await;
    let stats = cache.stats();
    assert_eq!(stats.troubles.outage, 1);
    assert!(stats.bypasses.store_down >= 1, "{stats:?}");
    assert_eq!(stats.bypasses.total(), stats.requests.bypassed, "{stats:?}");
    let said = log.events(Level::INFO);
    assert_eq!(warnings(&log, "cannot reach Redis"), 1, "{said:?}");
    let over: Vec<_> = said.iter().filter(|line| line.message.contains("answers again")).collect();
    assert_eq!(over.len(), 1, "{said:?}");
    assert!(over[0].fields["bypassed"].parse::<u64>().unwrap() >= 1, "{said:?}");

    // The next outage is said too, however soon it comes.
    server.kill();
    call_until(&cache, |cache| cache.status().health == Health::Down).await;
    assert_eq!(warnings(&log, "cannot reach Redis"), 2, "{:?}", log.events(Level::INFO));
}

#[tokio::test]
async fn what_an_open_breaker_refuses_is_not_timed() {
    let timed = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&timed);
    let observer = move |event: &Event<'_>| {
        if let Event::Operation { .. } = event {
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut server = RedisServer::start();
    let cache = server.cache_builder().observe(observer).build().await.unwrap();
    get(&cache, "k").await;
    assert!(timed.load(Ordering::Relaxed) >= 3, "a read, an acquire and a finish");
    server.kill();
    call_until(&cache, |cache| cache.status().health == Health::Down).await;
    let (before, stats) = (timed.load(Ordering::Relaxed), cache.stats());
    for _ in 0..100 {
        get(&cache, "k").await;
    }
    assert_eq!(timed.load(Ordering::Relaxed), before);
    assert_eq!(cache.stats().bypasses.store_down, stats.bypasses.store_down + 100);
}

#[tokio::test]
async fn an_outage_that_goes_on_for_another_reason() {
    let (log, mut server) = (Log::open(), RedisServer::start());
    let cache = CacheFence::builder().redis(server.url()).op_timeout(OP_TIMEOUT);
    let cache = cache.build().await.unwrap();
    server.kill();
    call_until(&cache, |cache| cache.status().health == Health::Down).await;
    // What listens there now refuses each command.
    let refuses = TcpListener::bind(("127.0.0.1", server.port())).unwrap();
    thread::spawn(move || {
        for mut stream in refuses.incoming().map_while(Result::ok) {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut bytes) {
                let commands = String::from_utf8_lossy(&bytes[..read]).matches('*').count();
                let _ = stream.write_all(&b"-LOADING not yet\r\n".repeat(commands));
            }
        }
    });
    call_until(&cache, |_| warnings(&log, "does not answer a probe") > 0).await;
    assert_eq!(cache.status().health, Health::Down);
    assert_eq!(warnings(&log, "cannot reach Redis"), 1, "{:?}", log.events(Level::INFO));
}

#[tokio::test]
async fn a_redis_that_is_slow() {
    let (log, server) = (Log::open(), RedisServer::start());
    let proxy = Proxy::start(server.port());
    let op_timeout = Duration::from_secs(3);
    let cache = CacheFence::builder().redis(proxy.url()).op_timeout(op_timeout).beta(0.0);
    let cache = cache.build().await.unwrap();
    get(&cache, "k").await;
    let before = cache.stats().troubles.slow_operation;
    proxy.set(Fault::Delay(op_timeout / 2));
    get(&cache, "k").await;
    let stats = cache.stats();
    assert_eq!((stats.troubles.slow_operation - before, stats.requests.hit), (1, 1));
    assert!(warnings(&log, "`op_timeout`") >= 1, "{:?}", log.events(Level::WARN));
}

#[tokio::test]
async fn a_redis_that_runs_no_scripts() {
    let (log, server) = (Log::open(), RedisServer::without_scripts());
    let cache = server.cache().await;
    get(&cache, "k").await;
    let status = cache.status();
    assert_eq!((status.health, status.scripts, status.pushes), (Health::Degraded, false, false));
    assert_eq!(cache.stats().troubles.degraded, 1);
    assert_eq!(warnings(&log, "does not run scripts"), 1);
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_for_a_while() {
    let (log, server) = (Log::open(), RedisServer::start());
    let cache = server.cache().await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    get(&cache, "k").await;
    let now = cache.status();
    assert_eq!((now.health, now.writes), (Health::Degraded, false));
    let stats = cache.stats();
    assert_eq!((stats.troubles.degraded, stats.bypasses.store_failed), (1, 1));
    let said = "answered OOM (its memory is used up: raise `maxmemory`, or set `maxmemory-policy` to allkeys-lfu or \
                allkeys-lru): values are served and not stored";
    assert_eq!(warnings(&log, said), 1);
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    get(&cache, "k").await;
    assert_eq!(cache.status().health, Health::Up);
    let restored = |line: &&Line| line.message.ends_with("takes writes again");
    assert_eq!(log.events(Level::INFO).iter().filter(restored).count(), 1);
}

#[tokio::test]
async fn a_redis_that_does_not_push() {
    let (log, server) = (Log::open(), RedisServer::start());
    server.cli(&["ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all", "-client"]);
    let url = format!("redis://app:any@127.0.0.1:{}", server.port());
    let caches = [(); 2].map(|()| CacheFence::builder().redis(&url).op_timeout(DEADLINE));
    let [ours, theirs] = caches.map(|cache| cache.build_lazy().unwrap());
    // The second waits for the first, and asks to be told.
    let (loads, go) = tokio::sync::oneshot::channel::<()>();
    let holder = tokio::spawn(async move {
        let load = || async {
            let _ = go.await;
            Ok::<_, Infallible>(1)
        };
        theirs.get_or_set("k", TTL, load).await.unwrap()
    });
    while server.scan_keys().is_empty() {
        tokio::task::yield_now().await;
    }
    let waiter = tokio::spawn({
        let ours = ours.clone();
        async move { get(&ours, "k").await }
    });
    while ours.status().pushes {
        tokio::task::yield_now().await;
    }
    drop(loads);
    assert_eq!((holder.await.unwrap(), waiter.await.unwrap()), (1, 1));
    assert_eq!((ours.stats().troubles.degraded, ours.stats().requests.waited), (1, 1));
    assert_eq!(warnings(&log, "does not tell what has changed"), 1);
}

#[tokio::test]
async fn replies_that_are_mixed_up() {
    let (log, server) = (Log::open(), RedisServer::start());
    let proxy = Proxy::start(server.port());
    let cache = CacheFence::builder().redis(proxy.url()).op_timeout(DEADLINE).beta(0.0);
    let cache = cache.build().await.unwrap();
    for key in ["one", "two", "three"] {
        get(&cache, key).await;
    }
    let calls = async {
        while cache.stats().troubles.stray_reply == 0 {
            proxy.repeat_replies(1);
            tokio::join!(get(&cache, "one"), get(&cache, "two"), get(&cache, "three"));
        }
    };
    timeout(DEADLINE, calls).await.expect("a reply strays");
    assert!(warnings(&log, "the entry of another key") >= 1);
}
