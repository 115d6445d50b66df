//! Options and keys that cannot be used: a clear error before anything is read, run or stored.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachefence::store::Health;
use cachefence::{CacheFence, Error};
use cachefence_tests::RedisServer;

const TTL: Duration = Duration::from_secs(60);

/// Calls with `key` and the options that `with` sets, and returns the error's text.
async fn refusal(
    cache: &CacheFence,
    key: &str,
    with: impl FnOnce(cachefence::Entry<u32>) -> cachefence::Entry<u32>,
) -> String {
    let runs = AtomicUsize::new(0);
    let entry = with(cache.entry(key));
    let result = entry.get_or_set(|| async {
        runs.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(1)
    });
    let error = result.await.unwrap_err();
    assert_eq!(runs.load(Ordering::SeqCst), 0, "nothing ran: {error}");
    error.to_string()
}

#[tokio::test]
async fn a_call_with_bad_options_does_nothing() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    server.reset_stats();
    for (ttl, message) in [
        (Duration::ZERO, "`ttl` is 0ns; the shortest is 1ms"),
        (Duration::from_micros(999), "`ttl` is 999µs; the shortest is 1ms"),
        (Duration::MAX, "the longest that Redis can hold is 9007199254740.992s"),
    ] {
        let refused = refusal(&cache, "k", |entry| entry.ttl(ttl)).await;
        assert!(refused.contains(message), "{refused}");
    }
    for beta in [-1.0, f64::NAN, f64::INFINITY] {
        let refused = refusal(&cache, "k", |entry| entry.ttl(TTL).beta(beta)).await;
        assert!(refused.starts_with("`beta` is "), "{refused}");
    }
    let refused = refusal(&cache, "k", |entry| entry.ttl(TTL).lock_timeout(Duration::ZERO)).await;
    assert!(refused.starts_with("`lock_timeout` is "), "{refused}");
    let refused = refusal(&cache, "k", |entry| entry).await;
    assert_eq!(refused, "`ttl` is not set, and it has no default");

    let refused = refusal(&cache, "", |entry| entry.ttl(TTL)).await;
    assert!(refused.contains("the key is empty"), "{refused}");
    assert!(matches!(cache.invalidate("").await, Err(Error::Key(_))));
    assert!(matches!(cache.entry::<u32>("").peek().await, Err(Error::Key(_))));
    assert!(matches!(cache.entry::<u32>("").ttl(TTL).set(&1).await, Err(Error::Key(_))));
    assert_eq!(server.command_stats().len(), 0, "the server was not asked");
    assert_eq!(server.scan_keys(), [""; 0]);
}

#[tokio::test]
async fn the_longest_ttl_is_taken() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    let longest = Duration::from_millis(1 << 53);
    let load = || async { Ok::<_, std::io::Error>(1) };
    cache.get_or_set("long", longest, load).await.unwrap();
    cache.get_or_set("short", Duration::from_millis(1), load).await.unwrap();
    let pttl: u64 = server.cli(&["PTTL", "long"]).parse().unwrap();
    assert!(pttl <= 1 << 53);
}

#[test]
fn a_cache_with_bad_options_is_not_built() {
    let builder = || CacheFence::builder().in_memory();
    for (built, option) in [
        (builder().beta(-0.5).build_lazy(), "beta"),
        (builder().beta(f64::NAN).build_lazy(), "beta"),
        (builder().lock_timeout(Duration::ZERO).build_lazy(), "lock_timeout"),
        (CacheFence::builder().build_lazy(), "store"),
        (CacheFence::builder().redis("http://127.0.0.1").build_lazy(), "redis"),
        (CacheFence::builder().redis("redis://user:hunter2@[").build_lazy(), "redis"),
    ] {
        let error = built.unwrap_err();
        let Error::Option(invalid) = &error else { panic!("{error}") };
        assert_eq!(invalid.option(), option);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_node_of_a_cluster_is_refused_as_that() {
    let server = RedisServer::builder().args(["--cluster-enabled", "yes"]).start();
    let error = CacheFence::connect(server.url()).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
    assert!(error.to_string().contains("node of a cluster"), "{error}");
    // A user that may not ask is let in, as on a single server.
    let server = RedisServer::start();
    server.cli(&["ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all", "-info"]);
    let url = format!("redis://app:any@127.0.0.1:{}", server.port());
    assert_eq!(CacheFence::connect(url).await.unwrap().status().health, Health::Up);
}

#[tokio::test]
async fn building_says_what_is_wrong_with_the_server() {
    let mut server = RedisServer::builder().password("hunter2").start();
    CacheFence::connect(server.url()).await.unwrap();
    for url in [
        format!("redis://127.0.0.1:{}", server.port()),
        format!("redis://:wrong-secret@127.0.0.1:{}", server.port()),
    ] {
        let error = CacheFence::connect(&url).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("refused the credentials"), "{text}");
        assert!(!text.contains("wrong-secret"), "{text}");
    }
    let url = server.url();
    server.kill();
    let error = CacheFence::connect(&url).await.unwrap_err();
    assert!(error.to_string().contains("cannot reach Redis at 127.0.0.1"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));

    // Without I/O there is nothing to find wrong; calls are served by their recomputes.
    let lazy = CacheFence::builder().redis(&url).build_lazy().unwrap();
    let value = lazy.get_or_set("k", TTL, || async { Ok::<_, std::io::Error>(1) }).await;
    assert_eq!(value.unwrap(), 1);
    assert!(matches!(lazy.invalidate("k").await, Err(Error::Store(_))));
}

#[tokio::test]
async fn any_text_is_a_key() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    for key in ["{}", "search:}", "{a}:lock"] {
        let loads = AtomicUsize::new(0);
        let get = || {
            cache.get_or_set(key, TTL, async || {
                loads.fetch_add(1, Ordering::SeqCst);
                Ok::<_, std::io::Error>(1)
            })
        };
        for _ in 0..2 {
            assert_eq!(get().await.unwrap(), 1, "{key}");
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1, "{key}: the second call is a hit");
        assert_eq!(server.scan_keys().len(), 1, "{key}: {:?}", server.scan_keys());
        cache.invalidate(key).await.unwrap();
        assert_eq!(cache.entry::<u32>(key).peek().await.unwrap(), None, "{key}");
        assert_eq!(server.scan_keys(), [""; 0], "{key}");
        get().await.unwrap();
        assert_eq!(loads.load(Ordering::SeqCst), 2, "{key}");
        cache.entry::<u32>(key).invalidate().await.unwrap();
    }
}
