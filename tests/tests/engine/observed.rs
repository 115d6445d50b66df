//! What a cache does is told: each call and each load is counted once, and no trouble passes in silence.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachefence::observe::{Bypasses, LeaseLoss, LoadOutcome, Loads, Requests, Troubles};
use cachefence::{CacheFence, Event, MemoryStore, cachefence};
use cachefence_tests::{Log, Op, Pair, Phase, Staged, Stop, cache_on, settle};
use serde::{Deserialize, Serialize};
use tokio::time::{advance, sleep};
use tracing::Level;

const TTL: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Failed;

/// Serves a call by a value that is there at once.
async fn get(cache: &CacheFence, key: &str) -> u64 {
    cache.get_or_set(key, TTL, || async { Ok::<_, Failed>(1) }).await.unwrap()
}

/// Starts a call whose load stops until it is let go, and returns when it has begun.
async fn slow(cache: &CacheFence, key: &'static str) -> (tokio::task::JoinHandle<u64>, Arc<Stop>) {
    let (cache, stop) = (cache.clone(), Stop::new());
    let at = Arc::clone(&stop);
    let load = move || async move {
        at.pass().await;
        Ok::<_, Failed>(2)
    };
    let call = tokio::spawn(async move { cache.get_or_set(key, TTL, load).await.unwrap() });
    stop.reached().await;
    (call, stop)
}

fn requests(change: impl FnOnce(&mut Requests)) -> Requests {
    let mut requests = Requests::default();
    change(&mut requests);
    requests
}

fn loads(change: impl FnOnce(&mut Loads)) -> Loads {
    let mut loads = Loads::default();
    change(&mut loads);
    loads
}

fn bypasses(change: impl FnOnce(&mut Bypasses)) -> Bypasses {
    let mut bypasses = Bypasses::default();
    change(&mut bypasses);
    bypasses
}

fn troubles(change: impl FnOnce(&mut Troubles)) -> Troubles {
    let mut troubles = Troubles::default();
    change(&mut troubles);
    troubles
}

#[tokio::test(start_paused = true)]
async fn a_load_a_hit_and_a_call_that_joins() {
    for cache in [cache_on(&Arc::default(), |options| options), CacheFence::in_memory()] {
        get(&cache, "first").await;
        get(&cache, "first").await;
        let (leader, load) = slow(&cache, "second").await;
        assert_eq!(cache.stats().loads_under_way, 1);
        let joiner = tokio::spawn({
            let cache = cache.clone();
            async move { get(&cache, "second").await }
        });
        settle().await;
        load.go();
        assert_eq!((leader.await.unwrap(), joiner.await.unwrap()), (2, 2));
        let stats = cache.stats();
        let expected =
            requests(|requests| (requests.loaded, requests.hit, requests.joined) = (2, 1, 1));
        assert_eq!(stats.requests, expected);
        assert_eq!((stats.loads, stats.loads_under_way), (loads(|loads| loads.stored = 2), 0));
        assert_eq!(stats.bypasses, Bypasses::default());
        assert_eq!(stats.troubles, Troubles::default());
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_another_process_makes() {
    let pair = Pair::new(|options| options);
    let (leader, load) = slow(&pair.theirs, "k").await;
    let waiter = tokio::spawn({
        let cache = pair.ours.clone();
        async move { get(&cache, "k").await }
    });
    settle().await;
    load.go();
    assert_eq!((leader.await.unwrap(), waiter.await.unwrap()), (2, 2));
    assert_eq!(pair.ours.stats().requests, requests(|requests| requests.waited = 1));
    assert_eq!(pair.ours.stats().loads, Loads::default());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_refreshed_early_and_one_that_is_stale() {
    let cache = cache_on(&Arc::default(), |options| options.stale_while_revalidate(TTL));
    get(&cache, "k").await;
    advance(TTL).await;
    let (leader, load) = slow(&cache, "k").await;
    assert_eq!(get(&cache, "k").await, 1);
    load.go();
    leader.await.unwrap();
    let expected = requests(|requests| (requests.loaded, requests.stale) = (2, 1));
    assert_eq!(cache.stats().requests, expected);

    // Every read is early where beta is huge and the load took its time.
    let cache = cache_on(&Arc::default(), |options| options.beta(1e9));
    let load = || async {
        sleep(Duration::from_secs(1)).await;
        Ok::<_, Failed>(1)
    };
    cache.get_or_set("k", TTL, load).await.unwrap();
    let (leader, load) = slow(&cache, "k").await;
    assert_eq!(get(&cache, "k").await, 1);
    load.go();
    leader.await.unwrap();
    let expected = requests(|requests| (requests.loaded, requests.early) = (2, 1));
    assert_eq!(cache.stats().requests, expected);
}

#[tokio::test(start_paused = true)]
async fn loads_that_store_nothing() {
    let staged = Arc::new(Staged::default());
    let cache = cache_on(&staged, |options| options.max_value_bytes(100));
    let calls = |key: &'static str| cache.entry::<Option<Option<String>>>(key).ttl(TTL);
    let value = |text: &str| Ok::<_, Failed>(Some(Some(text.to_owned())));

    assert!(calls("fails:k").get_or_set(|| async { Err(Failed) }).await.is_err());
    calls("zero:k").ttl_of(|_| Duration::ZERO).get_or_set(|| async { value("") }).await.unwrap();
    calls("large:k").get_or_set(|| async { value(&"x".repeat(101)) }).await.unwrap();
    calls("null:some").get_or_set(|| async { Ok::<_, Failed>(Some(None)) }).await.unwrap();
    staged.refuse(Op::Fill);
    calls("refused:k").get_or_set(|| async { value("") }).await.unwrap();
    staged.accept(Op::Fill);
    let invalidated = calls("voided:k").get_or_set(|| async {
        cache.invalidate("voided:k").await.unwrap();
        value("")
    });
    invalidated.await.unwrap();
    let panics = calls("panics:k");
    let panics = tokio::spawn(async move {
        panics.get_or_set(|| async { if true { panic!("on purpose") } else { Err(Failed) } }).await
    });
    assert!(panics.await.unwrap_err().is_panic());
    let (dropped, _load) = slow(&cache, "dropped:k").await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());

    let stats = cache.stats();
    let expected = loads(|loads| {
        (loads.failed, loads.not_cached, loads.undecodable) = (1, 2, 1);
        (loads.refused, loads.lease_lost, loads.panicked, loads.aborted) = (1, 1, 1, 1);
    });
    assert_eq!((stats.loads, stats.loads_under_way), (expected, 0));
    // Two calls did not return.
    assert_eq!(stats.requests, requests(|requests| requests.loaded = 6));
    assert_eq!(stats.failures.finish, 1);
    assert_eq!(stats.troubles, troubles(|troubles| troubles.unstorable_value = 2));
}

#[tokio::test(start_paused = true)]
async fn bodies_that_run_without_a_lease() {
    let staged = Arc::new(Staged::default());
    let cache = cache_on(&staged, |options| options.wait_for_lock(Duration::from_secs(1)));
    staged.refuse(Op::Read);
    get(&cache, "read").await;
    staged.accept(Op::Read);
    staged.refuse(Op::Acquire);
    get(&cache, "acquire:k").await;
    staged.accept(Op::Acquire);
    staged.refuse(Op::Invalidate);
    assert!(!cache.invalidate_eventually("pending:k").await.unwrap());
    assert_eq!(cache.stats().pending_invalidations, 1);
    get(&cache, "pending:k").await;
    let (hanging, _load) = slow(&cache, "hangs").await;
    let (hedge, _load) = slow(&cache, "hangs").await;
    get(&cache, "hangs").await;
    hanging.abort();
    hedge.abort();

    let stats = cache.stats();
    let expected = bypasses(|bypasses| {
        (bypasses.store_failed, bypasses.invalidation_pending) = (2, 1);
        bypasses.waited_too_long = 1;
    });
    assert_eq!(stats.bypasses, expected);
    assert_eq!(stats.requests, requests(|requests| requests.bypassed = 4));
    // The guest's value was stored, by the tokens of those who hang.
    assert_eq!((stats.loads.not_cached, stats.loads.stored), (3, 1));
    // The key whose invalidation is pending was not read.
    assert_eq!((stats.failures.read, stats.failures.acquire), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_uses_up_the_time_of_a_call() {
    let staged = Arc::new(Staged::default());
    staged.give_up_after(Duration::from_millis(200));
    let cache = cache_on(&staged, |options| options);
    let read = staged.stop(Op::Read, Phase::Request);
    let acquire = staged.stop(Op::Acquire, Phase::Request);
    let call = tokio::spawn({
        let cache = cache.clone();
        async move { get(&cache, "k").await }
    });
    read.reached().await;
    advance(Duration::from_millis(150)).await;
    read.go();
    acquire.reached().await;
    call.await.unwrap();
    assert_eq!(cache.stats().bypasses, bypasses(|bypasses| bypasses.store_slow = 1));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_cannot_be_shared() {
    #[derive(Debug)]
    struct NotClone;
    #[cachefence(key = "k", ttl = 60, cache = cache, skip(cache, stop))]
    async fn fails(cache: &CacheFence, stop: Option<Arc<Stop>>) -> Result<u64, NotClone> {
        if let Some(stop) = stop {
            stop.pass().await;
        }
        Err(NotClone)
    }
    let (cache, stop) = (cache_on(&Arc::default(), |options| options), Stop::new());
    let leader = tokio::spawn({
        let (cache, stop) = (cache.clone(), Arc::clone(&stop));
        async move { fails(&cache, Some(stop)).await.is_err() }
    });
    stop.reached().await;
    let joiner = tokio::spawn({
        let cache = cache.clone();
        async move { fails(&cache, None).await.is_err() }
    });
    settle().await;
    stop.go();
    assert!(leader.await.unwrap() && joiner.await.unwrap());
    let stats = cache.stats();
    assert_eq!(stats.bypasses, bypasses(|bypasses| bypasses.not_shared = 1));
    let expected = requests(|requests| (requests.loaded, requests.bypassed) = (1, 1));
    assert_eq!((stats.requests, stats.loads.failed), (expected, 2));
}

#[tokio::test]
async fn a_call_that_its_cache_cannot_serve() {
    #[cachefence(key = "<name>", ttl = 60, cache = cache, skip(cache))]
    async fn named(cache: &CacheFence, name: &str) -> u64 {
        if name == "recursive" { Box::pin(named(cache, name)).await } else { 1 }
    }
    #[cachefence(key = "one:<id>", ttl = 60, cache = cache, skip(cache, depth))]
    async fn recursive(cache: &CacheFence, id: u64, depth: u64) -> u64 {
        if depth == 0 { id } else { Box::pin(recursive(cache, id, depth - 1)).await }
    }
    #[cachefence(key = "<name>", ttl = 60, cache = cache, skip(cache))]
    async fn fails(cache: &CacheFence, name: &str) -> Result<u64, Failed> {
        Err(Failed)
    }
    let (log, cache) = (Log::open(), CacheFence::in_memory());
    assert_eq!(fails(&cache, "").await, Err(Failed));
    assert_eq!((cache.stats().loads.failed, cache.stats().bypasses.not_usable), (1, 1));
    drop(log);

    let (log, cache) = (Log::open(), CacheFence::in_memory());
    assert_eq!(named(&cache, "").await, 1);
    assert_eq!(recursive(&cache, 7, 1).await, 7);
    let stats = cache.stats();
    assert_eq!(
        stats.bypasses,
        bypasses(|bypasses| (bypasses.not_usable, bypasses.recursive) = (1, 1))
    );
    let expected = requests(|requests| (requests.bypassed, requests.loaded) = (2, 1));
    assert_eq!((stats.requests, stats.loads.total()), (expected, 3));
    assert_eq!(stats.troubles, troubles(|troubles| troubles.unusable_call = 2));
    let said = log.events(Level::WARN);
    let templates: Vec<_> = said.iter().map(|line| line.fields["template"].as_str()).collect();
    assert_eq!(templates, ["<name>", "one:<id>"], "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_longer_than_its_caller_waits() {
    let (log, cache) = (Log::open(), cache_on(&Arc::default(), |options| options));
    let entry = || {
        let limit = Duration::from_millis(100);
        cache.entry::<u64>("k").ttl(TTL).stale_if_error(TTL).recompute_timeout(limit)
    };
    entry().get_or_set(|| async { Ok::<_, Failed>(1) }).await.unwrap();
    advance(TTL).await;
    assert_eq!(entry().get_or_set(pending::<Result<u64, Failed>>).await.unwrap(), 1);
    let stats = cache.stats();
    assert_eq!((stats.loads.aborted, stats.troubles.swallowed_error), (1, 1));
    assert!(log.events(Level::WARN)[0].message.contains("`recompute_timeout`"));
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_told_however_it_ends() {
    let waits = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&waits);
    let observer = move |event: &Event<'_>| {
        if let Event::Request { result, waited, .. } = event {
            notes.lock().unwrap().push((result.to_string(), waited.map(|waited| waited.as_secs())));
        }
    };
    let options = |options: cachefence::Builder| options.wait_for_lock(Duration::from_secs(5));
    let cache = cache_on(&Arc::default(), |builder| options(builder).observe(observer));
    let (hanging, _load) = slow(&cache, "k").await;
    get(&cache, "k").await;
    hanging.abort();
    get(&cache, "other").await;
    let expected = [("loaded".to_owned(), Some(5)), ("loaded".to_owned(), None)];
    assert_eq!(*waits.lock().unwrap(), expected);
}

/// A function whose error is swallowed while there is a stale value.
#[cachefence(key = "balance:<id>", ttl = 60, stale_if_error = 60, cache = cache, skip(cache, fails))]
async fn balance(cache: &CacheFence, id: u64, fails: bool) -> Result<u64, String> {
    if fails { Err("the pool timed out".to_owned()) } else { Ok(id) }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_a_stale_value_stands_in_for() {
    let (log, cache) = (Log::open(), cache_on(&Arc::default(), |options| options));
    assert_eq!(balance(&cache, 7, false).await, Ok(7));
    // A hit, two loads within the stale window, and one after it.
    for is_served in [true, true, true, false] {
        advance(Duration::from_secs(32)).await;
        assert_eq!(balance(&cache, 7, true).await.is_ok(), is_served);
        // Within `retry_after` nothing is loaded, and what is served is no hit.
        assert_eq!(balance(&cache, 7, true).await.is_ok(), is_served);
    }
    let stats = cache.stats();
    assert_eq!((stats.loads.failed, stats.troubles.swallowed_error), (4, 2));
    let expected = requests(|requests| (requests.loaded, requests.hit, requests.stale) = (3, 2, 4));
    assert_eq!(stats.requests, expected);
    let said = log.events(Level::WARN);
    assert!(said.iter().all(|line| line.message.contains("the pool timed out")), "{said:?}");
    assert!(said.iter().all(|line| line.fields["template"] == "balance:<id>"), "{said:?}");
    assert!(!said.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_that_a_task_meets() {
    let log = Log::open();
    let staged = Arc::new(Staged::default());
    let cache = cache_on(&staged, |options| options.stale_while_revalidate(TTL));
    get(&cache, "k").await;
    advance(TTL).await;
    let entry = cache.entry::<u64>("k").ttl(TTL);
    let value = entry.get_or_set_detached(|| async { Err(Failed) }).await.unwrap();
    assert_eq!(value, 1);
    settle().await;
    let stats = cache.stats();
    assert_eq!((stats.loads.failed, stats.troubles.swallowed_error), (1, 1));
    assert_eq!(stats.requests, requests(|requests| (requests.loaded, requests.stale) = (1, 1)));
    let said = log.events(Level::WARN);
    assert!(said[0].message.contains("observed::Failed"), "its type, for want of words: {said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_for_which_there_is_no_task() {
    let (log, staged) = (Log::open(), Arc::new(Staged::default()));
    let cache = cache_on(&staged, |options| options.stale_while_revalidate(TTL));
    let keys: Vec<_> = (0..65).map(|key| format!("key:{key}")).collect();
    for key in &keys {
        get(&cache, key).await;
    }
    advance(TTL).await;
    for key in &keys {
        let entry = cache.entry::<u64>(key).ttl(TTL);
        let value = entry.get_or_set_detached(pending::<Result<u64, Failed>>).await;
        assert_eq!(value.unwrap(), 1);
    }
    assert_eq!(cache.stats().troubles, troubles(|troubles| troubles.skipped_refresh = 1));
    assert!(log.events(Level::WARN)[0].message.contains("nobody waits for"));
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_that_the_store_does_not_take() {
    let (log, staged) = (Log::open(), Arc::new(Staged::default()));
    let cache = cache_on(&staged, |options| options);
    staged.refuse(Op::Invalidate);
    for _ in 0..2 {
        assert!(!cache.invalidate_eventually("k").await.unwrap());
    }
    assert_eq!(cache.stats().troubles, troubles(|troubles| troubles.pending_invalidation = 1));
    let said = log.events(Level::WARN);
    let waits = said.iter().filter(|line| line.message.contains("an invalidation waits"));
    assert_eq!(waits.count(), 1, "the second one was pending already: {said:?}");
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_does_not_decode() {
    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct User {
        name: String,
    }
    let log = Log::open();
    for cache in [cache_on(&Arc::default(), |options| options), CacheFence::in_memory()] {
        cache.entry::<&str>("k").ttl(TTL).set(&"hunter2").await.unwrap();
        assert_eq!(cache.entry::<u64>("k").peek().await.unwrap(), None);
        assert_eq!(cache.stats().troubles.undecodable_entry, 1);
        let load = || async { Ok::<_, Failed>(User { name: "ann".to_owned() }) };
        cache.get_or_set("k", TTL, load).await.unwrap();
        let stats = cache.stats();
        assert_eq!(stats.troubles, troubles(|troubles| troubles.undecodable_entry = 2));
        assert_eq!((stats.requests.loaded, stats.loads.stored), (1, 1));
    }
    let said = log.events(Level::DEBUG);
    let text = format!("{said:?}");
    assert!(text.contains("expected u64") && text.contains("expected struct User"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ends_during_its_load() {
    let log = Log::open();
    let lease = Duration::from_secs(2);
    let options = |options: cachefence::Builder| {
        options.lock_timeout(lease).load_timeout(Duration::from_secs(10))
    };
    // The load keeps its thread, as far as the lease can tell: time passes, and nothing is polled.
    let cache = cache_on(&Arc::default(), options);
    let blocks = || async {
        advance(lease + Duration::from_millis(1)).await;
        Ok::<_, Failed>(1)
    };
    cache.get_or_set("blocks:k", TTL, blocks).await.unwrap();
    assert_eq!(cache.stats().troubles, troubles(|troubles| troubles.lease_expired = 1));
    assert_eq!(cache.stats().loads, loads(|loads| loads.lease_lost = 1));
    let said = log.events(Level::WARN);
    assert!(said[0].message.contains("cachefence::blocking"), "{said:?}");

    let cache = cache_on(&Arc::default(), options);
    let takes_long = || async {
        sleep(Duration::from_secs(20)).await;
        Ok::<_, Failed>(1)
    };
    cache.get_or_set("long:k", TTL, takes_long).await.unwrap();
    assert_eq!(cache.stats().troubles, troubles(|troubles| troubles.lease_expired = 1));
    assert_eq!(cache.stats().loads, loads(|loads| loads.lease_lost = 1));
    let said = log.events(Level::WARN);
    assert!(said[1].message.contains("load_timeout"), "{said:?}");
}

#[tokio::test]
async fn a_value_that_is_larger_than_the_store_keeps() {
    let (log, store) = (Log::open(), MemoryStore::with_bytes(1_000));
    let cache = CacheFence::builder().store(store).build_lazy().unwrap();
    let load = || async { Ok::<_, Failed>("x".repeat(2_000)) };
    cache.get_or_set("k", TTL, load).await.unwrap();
    assert_eq!(cache.entry::<String>("k").peek().await.unwrap(), None);
    let stats = cache.stats();
    assert_eq!(stats.troubles, troubles(|troubles| troubles.unstorable_value = 1));
    assert_eq!(stats.loads, loads(|loads| loads.not_cached = 1));
    let said = log.events(Level::WARN);
    assert!(said[0].message.contains("2002 bytes are more than its store keeps"), "{said:?}");

    // The key counts too, and so do two quotes, what an entry takes beside them, and the tables.
    for (value, is_stored) in [(357, true), (358, false)] {
        let key = "k".repeat(100);
        let load = || async { Ok::<_, Failed>("x".repeat(value)) };
        cache.get_or_set(&key, TTL, load).await.unwrap();
        let found = cache.entry::<String>(&key).peek().await.unwrap();
        assert_eq!(found.is_some(), is_stored, "{value}");
        cache.invalidate(&key).await.unwrap();
        let set = cache.entry::<String>(&key).ttl(TTL).set(&"x".repeat(value)).await;
        assert_eq!(set.is_ok(), is_stored, "{value}");
        cache.invalidate(&key).await.unwrap();
    }
    assert_eq!(cache.stats().loads, loads(|loads| (loads.not_cached, loads.stored) = (2, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_load_of_another_type_is_told_of() {
    let cache = cache_on(&Arc::default(), |options| options);
    let (leader, load) = slow(&cache, "k").await;
    let joiner = tokio::spawn({
        let cache = cache.clone();
        let load = || async { Ok::<_, Failed>("text".to_owned()) };
        async move { cache.get_or_set("k", TTL, load).await.unwrap() }
    });
    settle().await;
    load.go();
    assert_eq!((leader.await.unwrap(), joiner.await.unwrap()), (2, "text".to_owned()));
    let stats = cache.stats();
    // First the value that the load gave, then the entry that it stored.
    assert_eq!(stats.troubles, troubles(|troubles| troubles.undecodable_entry = 2));
    assert_eq!(stats.bypasses, bypasses(|bypasses| bypasses.not_shared = 1));
    let expected = requests(|requests| (requests.loaded, requests.bypassed) = (1, 1));
    assert_eq!(stats.requests, expected);
}

#[tokio::test]
async fn a_value_that_the_codec_refuses_is_not_quoted() {
    struct Secret;
    impl Serialize for Secret {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("token hunter2 has expired"))
        }
    }
    impl<'de> Deserialize<'de> for Secret {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Ok(Self)
        }
    }
    let (log, cache) = (Log::open(), CacheFence::in_memory());
    let load = || async { Ok::<_, Failed>(Secret) };
    cache.get_or_set("k", TTL, load).await.unwrap();
    cache.get_or_set("nan", TTL, || async { Ok::<_, Failed>(f64::NAN) }).await.unwrap();
    assert_eq!(cache.stats().loads, loads(|loads| loads.undecodable = 2));
    let said = log.events(Level::DEBUG);
    assert!(said.iter().all(|line| !line.message.contains("hunter2")), "{said:?}");
    assert!(said.iter().any(|line| line.message.contains("neither NaN")), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_one_line_in_ten_seconds_with_its_count() {
    let (log, staged) = (Log::open(), Arc::new(Staged::default()));
    let cache = cache_on(&staged, |options| options);
    staged.refuse(Op::Read);
    for _ in 0..3 {
        for _ in 0..100 {
            get(&cache, "k").await;
        }
        advance(Duration::from_secs(10)).await;
    }
    let counts: Vec<_> =
        log.events(Level::WARN).iter().map(|line| line.fields["count"].clone()).collect();
    assert_eq!(counts, ["1", "100", "100"]);
    assert_eq!(cache.stats().failures.read, 300);
}

#[tokio::test(start_paused = true)]
async fn waits_follow_from_the_load_that_they_wait_for() {
    let log = Log::open();
    let options = |options: cachefence::Builder| options.name("users");
    let cache = cache_on(&Arc::default(), options);
    let (leader, load) = slow(&cache, "k").await;
    let joiner = tokio::spawn({
        let cache = cache.clone();
        async move { get(&cache, "k").await }
    });
    settle().await;
    load.go();
    assert_eq!((leader.await.unwrap(), joiner.await.unwrap()), (2, 2));
    let (loads, waits) = (log.spans("load"), log.spans("wait"));
    assert_eq!((loads.len(), waits.len()), (1, 1));
    assert_eq!(waits[0].spans, [loads[0].number]);
    assert_eq!(loads[0].fields["cache"], "users");
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_what_is_counted() {
    let seen = Arc::new(Mutex::new(BTreeMap::<String, u64>::new()));
    let notes = Arc::clone(&seen);
    let observer = move |event: &Event<'_>| {
        let note = match event {
            Event::Request { result, .. } => format!("request {result}"),
            Event::LoadBegan { .. } => "load began".to_owned(),
            Event::Load { outcome, .. } => format!("load {outcome}"),
            Event::Operation { operation, succeeded: true, .. } => format!("store {operation}"),
            Event::LeaseLost { loss: LeaseLoss::Voided, .. } => "voided".to_owned(),
            other => panic!("{other}"),
        };
        *notes.lock().unwrap().entry(note).or_default() += 1;
    };
    let cache = cache_on(&Arc::default(), |options| options.observe(observer));
    get(&cache, "k").await;
    get(&cache, "k").await;
    let voided = || async {
        cache.invalidate("other").await.unwrap();
        Ok::<_, Failed>(1)
    };
    cache.get_or_set("other", TTL, voided).await.unwrap();
    let seen = seen.lock().unwrap();
    let counted: BTreeMap<String, u64> = [
        ("request hit", 1),
        ("request loaded", 2),
        ("load began", 2),
        (&format!("load {}", LoadOutcome::Stored), 1),
        ("load lease_lost", 1),
        ("store read", 3),
        ("store acquire", 2),
        ("store finish", 2),
        ("store invalidate", 1),
        ("voided", 1),
    ]
    .map(|(note, count)| (note.to_owned(), count))
    .into();
    assert_eq!(*seen, counted);
    let stats = cache.stats();
    assert_eq!((stats.operations.read, stats.operations.finish), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_not_counted_and_its_load_is() {
    let cache = cache_on(&Arc::default(), |options| options);
    let call = cache.get_or_set("k", TTL, pending::<Result<u64, Failed>>);
    assert!(tokio::time::timeout(TTL, call).await.is_err());
    assert_eq!(cache.stats().requests.total(), 0);
    assert_eq!(cache.stats().loads, loads(|loads| loads.aborted = 1));
}
