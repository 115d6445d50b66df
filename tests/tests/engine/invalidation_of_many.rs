//! `invalidate_many`: what holds after an invalidation holds for each of the keys.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cachefence::{CacheFence, EntryKey, Error};
use cachefence_tests::{Op, Pair, RedisServer, Stop, USER, settle};

const TTL: Duration = Duration::from_secs(60);

async fn fill(cache: &CacheFence, keys: &[&str]) {
    for key in keys {
        cache.entry::<u8>(key).ttl(TTL).set(&1).await.unwrap();
    }
}

async fn left(cache: &CacheFence, keys: &[&str]) -> Vec<String> {
    let mut left = Vec::new();
    for key in keys {
        if cache.entry::<u8>(key).peek().await.unwrap().is_some() {
            left.push((*key).to_owned());
        }
    }
    left
}

/// Keys that are kept under other names than their own, and some that are not.
fn odd_keys() -> Vec<String> {
    let long = "k".repeat(600);
    let odd = ["plain", "{}", "~lock:{x}", "~hedge:", "{~}", "a:b}c", "{org:1}:user", "ä%"];
    let mut keys: Vec<_> = odd.map(str::to_owned).into();
    keys.extend([format!("{long}a"), format!("{long}b"), format!("{long}{{tag}}")]);
    keys
}

#[tokio::test]
async fn all_of_the_keys_are_removed_and_no_other() {
    let cache = CacheFence::in_memory();
    fill(&cache, &["a", "b", "c"]).await;
    cache.invalidate_many(["a", "c", "never there"]).await.unwrap();
    assert_eq!(left(&cache, &["a", "b", "c"]).await, ["b"]);
}

#[tokio::test]
async fn a_key_that_is_taken_from_an_entry_names_that_entry() {
    for namespace in ["", "app", "a}b", &"n".repeat(300)] {
        let cache = CacheFence::builder().in_memory().namespace(namespace).build_lazy().unwrap();
        for key in odd_keys() {
            for taken in [true, false] {
                fill(&cache, &[&key, "other"]).await;
                let invalidated: EntryKey =
                    if taken { cache.entry::<u8>(&key).into_key() } else { (&key).into() };
                cache.invalidate_many([invalidated]).await.unwrap();
                assert_eq!(left(&cache, &[&key, "other"]).await, ["other"], "{namespace} {key}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_of_another_cache_is_refused_and_nothing_is_removed() {
    let [cache, other] =
        ["app", "other"].map(|name| CacheFence::builder().in_memory().namespace(name));
    let (cache, other) = (cache.build_lazy().unwrap(), other.build_lazy().unwrap());
    let same_namespace = CacheFence::builder().in_memory().namespace("app").build_lazy().unwrap();
    fill(&cache, &["a", "b"]).await;
    for stranger in [other, same_namespace] {
        let keys = [EntryKey::from("a"), stranger.entry::<u8>("b").into_key()];
        let error = cache.invalidate_many(keys).await.unwrap_err();
        assert!(matches!(error, Error::Key(_)), "{error}");
        assert_eq!(left(&cache, &["a", "b"]).await, ["a", "b"]);
    }
    let clone = cache.clone();
    clone.invalidate_many([cache.entry::<u8>("a").into_key()]).await.unwrap();
    assert_eq!(left(&cache, &["a", "b"]).await, ["b"], "a clone is the same cache");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_refused_and_nothing_is_removed() {
    let cache = CacheFence::in_memory();
    fill(&cache, &["a"]).await;
    for bad in [EntryKey::from(""), cache.entry::<u8>("").into_key()] {
        let error = cache.invalidate_many(["a".into(), bad]).await.unwrap_err();
        assert!(matches!(error, Error::Key(_)), "{error}");
    }
    assert_eq!(left(&cache, &["a"]).await, ["a"]);
}

#[tokio::test]
async fn a_key_shows_nothing_of_itself() {
    let cache = CacheFence::in_memory();
    for key in [
        "secret".into(),
        EntryKey::from("secret".to_owned()),
        cache.entry::<u8>("secret").into_key(),
    ] {
        assert!(!format!("{key:?}").contains("secret"));
    }
}

#[tokio::test]
async fn without_keys_the_store_is_not_asked() {
    let pair = Pair::new(|builder| builder);
    pair.staged.refuse(Op::Invalidate);
    pair.ours.invalidate_many(Vec::<EntryKey>::new()).await.unwrap();
    assert_eq!(
        (pair.staged.count(Op::Invalidate), pair.ours.stats().operations.invalidate),
        (0, 0)
    );
}

#[tokio::test]
async fn loads_of_each_key_are_voided() {
    let pair = Pair::new(|builder| builder);
    let (stop, keys) = (Stop::new(), ["a", "b", "c"]);
    let load = |value| {
        let stop = Arc::clone(&stop);
        move || async move {
            stop.pass().await;
            Ok::<u8, Infallible>(value)
        }
    };
    // A leader and a joiner of each key.
    let call =
        |key, value| tokio::spawn(pair.ours.entry::<u8>(key).ttl(TTL).get_or_set(load(value)));
    let leaders = keys.map(|key| call(key, 1));
    settle().await;
    let joiners = keys.map(|key| call(key, 2));
    settle().await;
    pair.ours.invalidate_many(["a", "b"]).await.unwrap();
    settle().await;
    stop.let_go(100);
    for call in leaders {
        assert_eq!(call.await.unwrap().unwrap(), 1, "its own caller called before");
    }
    let mut given = Vec::new();
    for call in joiners {
        given.push(call.await.unwrap().unwrap());
    }
    assert_eq!(given, [2, 2, 1], "who waited for `a` or `b` loads anew");
}

#[tokio::test]
async fn it_is_one_operation_and_one_failure_of_it_is_told_once() {
    let pair = Pair::new(|builder| builder);
    pair.ours.invalidate_many(["a", "b", "c"]).await.unwrap();
    assert_eq!(pair.staged.count(Op::Invalidate), 1);
    pair.staged.refuse(Op::Invalidate);
    let error = pair.ours.invalidate_many(["a", "b", "c"]).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
    let stats = pair.ours.stats();
    assert_eq!((stats.operations.invalidate, stats.failures.invalidate), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn it_settles_invalidations_of_its_keys_that_were_pending() {
    let pair = Pair::new(|builder| builder);
    pair.staged.refuse(Op::Invalidate);
    for key in ["a", "b"] {
        assert!(!pair.ours.invalidate_eventually(key).await.unwrap());
    }
    assert_eq!(pair.ours.stats().pending_invalidations, 2);
    pair.staged.accept(Op::Invalidate);
    pair.ours.invalidate_many(["a", "b"]).await.unwrap();
    assert_eq!(pair.ours.stats().pending_invalidations, 0);
}

#[tokio::test]
async fn on_redis_it_is_one_round_trip() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    let keys = ["a", "b", "c"];
    fill(&cache, &keys).await;
    let reads = || server.info("stats", "total_reads_processed");
    // What asking costs by itself.
    let (before, asked) = (reads(), reads());
    server.reset_stats();
    let from = reads();
    cache.invalidate_many(keys).await.unwrap();
    let to = reads();
    assert_eq!(to - from, asked - before + 1, "the server has read one request");
    assert_eq!(server.command_count("del"), 3);
    assert!(left(&cache, &keys).await.is_empty());
}

#[tokio::test]
async fn where_some_cannot_be_removed_the_others_are_and_the_error_says_how_many() {
    let server = RedisServer::start();
    let cache = server.cache().await;
    let keys = ["mine:1", "theirs:2", "mine:3"];
    fill(&cache, &keys).await;
    let acl = |keys: &[&str]| server.cli(&[&["ACL", "SETUSER", USER, "resetkeys"], keys].concat());
    acl(&["~mine:*", "~~lock:{mine:*", "~~hedge:{mine:*"]);
    let error = cache.invalidate_many(keys).await.unwrap_err().to_string();
    assert!(error.starts_with("1 of 3 entries may still be there: Redis at "), "{error}");
    acl(&["~*"]);
    assert_eq!(left(&cache, &keys).await, ["theirs:2"]);
}

#[tokio::test]
async fn where_the_server_is_gone_the_error_says_so_of_all() {
    let mut server = RedisServer::start();
    let cache = server.cache().await;
    fill(&cache, &["a", "b"]).await;
    server.kill();
    let error = cache.invalidate_many(["a", "b"]).await.unwrap_err().to_string();
    assert!(error.starts_with("2 of 2 entries may still be there: "), "{error}");
}
