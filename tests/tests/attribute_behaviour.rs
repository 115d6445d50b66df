//! What an annotated function does: what it caches, under which key, for how long, where.

#![allow(clippy::unnecessary_wraps, clippy::unused_async)] // the bodies are as short as can be

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cachefence::__private::testing;
use cachefence::{Acquired, CacheFence, Error, MAX_KEY_BYTES, cachefence};
use tokio::time::{Instant, advance, sleep};

/// Counts the bodies that run.
#[derive(Default)]
struct Bodies(AtomicU32);

impl Bodies {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The number of this one, from 1.
    fn ran(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

mod what_is_cached {
    use super::*;

    #[tokio::test]
    async fn an_error_is_never_cached() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "errors:<id>", ttl = 60)]
        async fn find(id: u64) -> Result<u64, String> {
            BODIES.ran();
            Err(format!("no user {id}"))
        }

        for call in 1..=3 {
            assert_eq!(find(1).await, Err("no user 1".to_owned()));
            assert_eq!(BODIES.count(), call);
        }
        assert_eq!(find_entry(1).peek().await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_error_of_an_alias_is_never_cached() {
        static BODIES: Bodies = Bodies::new();

        type Api<T> = Result<T, String>;

        #[cachefence(key = "api-errors:<id>", ttl = 60, entry = false)]
        async fn find(id: u64) -> Api<u64> {
            BODIES.ran();
            Err(format!("no user {id}"))
        }

        for call in 1..=3 {
            assert_eq!(find(1).await, Err("no user 1".to_owned()));
            assert_eq!(BODIES.count(), call);
        }
    }

    #[tokio::test]
    async fn an_io_error_is_never_cached() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "io-errors", ttl = 60)]
        async fn read() -> io::Result<u64> {
            BODIES.ran();
            Err(io::ErrorKind::NotFound.into())
        }

        for call in 1..=3 {
            assert_eq!(read().await.unwrap_err().kind(), io::ErrorKind::NotFound);
            assert_eq!(BODIES.count(), call);
        }
    }

    #[tokio::test]
    async fn a_value_after_an_error_is_cached() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "after-error", ttl = 60)]
        async fn second_time() -> Result<u32, String> {
            match BODIES.ran() {
                1 => Err("the first time".to_owned()),
                body => Ok(body),
            }
        }

        assert!(second_time().await.is_err());
        assert_eq!(second_time().await, Ok(2));
        assert_eq!(second_time().await, Ok(2));
    }

    #[tokio::test]
    async fn none_is_cached() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "none:<id>", ttl = 60)]
        async fn find(id: u64) -> Option<u64> {
            BODIES.ran();
            None
        }

        assert_eq!(find(1).await, None);
        assert_eq!(find(1).await, None);
        assert_eq!(BODIES.count(), 1);
        assert_eq!(find_entry(1).peek().await.unwrap(), Some(None), "there, and none");
    }

    #[tokio::test]
    async fn ok_none_is_cached() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "ok-none", ttl = 60)]
        async fn find() -> Result<Option<u64>, String> {
            BODIES.ran();
            Ok(None)
        }

        assert_eq!(find().await, Ok(None));
        assert_eq!(find().await, Ok(None));
        assert_eq!(BODIES.count(), 1);
    }

    #[tokio::test]
    async fn an_error_inside_a_value_is_part_of_the_value() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "inside", ttl = 60)]
        async fn outcome() -> Option<Result<u64, String>> {
            BODIES.ran();
            Some(Err("known to fail".to_owned()))
        }

        for _ in 0..2 {
            assert_eq!(outcome().await, Some(Err("known to fail".to_owned())));
        }
        assert_eq!(BODIES.count(), 1);
    }

    /// JSON has no map whose keys are lists.
    #[tokio::test]
    async fn a_value_that_cannot_be_encoded_is_served_and_not_cached() {
        use std::collections::BTreeMap;

        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "unencodable", ttl = 60)]
        async fn map() -> BTreeMap<Vec<u8>, u32> {
            BTreeMap::from([(vec![1], BODIES.ran())])
        }

        for body in 1..=2 {
            assert_eq!(map().await, BTreeMap::from([(vec![1], body)]));
        }
    }
}

mod keys {
    use super::*;

    #[tokio::test]
    async fn different_arguments_have_different_entries() {
        #[cachefence(key = "different:<a>:<b>:<c>", ttl = 60)]
        async fn join(a: &str, b: Option<&str>, c: &[&str]) -> String {
            format!("{a:?} {b:?} {c:?}")
        }

        let arguments: [(&str, Option<&str>, &[&str]); 12] = [
            ("", None, &[]),
            ("", Some(""), &[]),
            ("", Some("~"), &[]),
            ("", None, &[""]),
            ("", None, &["", ""]),
            ("", None, &["a", "b"]),
            ("", None, &["a,b"]),
            ("", None, &["(a,b,)"]),
            ("a:", Some("b"), &[]),
            ("a", Some(":b"), &[]),
            ("a:b", None, &[]),
            ("a%3Ab", None, &[]),
        ];
        for _ in 0..2 {
            for (a, b, c) in arguments {
                assert_eq!(join(a, b, c).await, format!("{a:?} {b:?} {c:?}"));
            }
        }
    }

    #[tokio::test]
    async fn functions_of_one_template_share_their_entries() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "same:<id>", ttl = 60)]
        async fn one(id: u64) -> u64 {
            BODIES.ran();
            id
        }

        #[cachefence(key = "same:<user_id>", ttl = 60)]
        async fn other(user_id: u32) -> u64 {
            BODIES.ran();
            u64::from(user_id)
        }

        assert_eq!(one(1).await, 1);
        assert_eq!(other(1).await, 1);
        assert_eq!(BODIES.count(), 1);
    }

    #[tokio::test]
    async fn a_skipped_argument_is_left_out() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "skip:<id>", ttl = 60, skip(trace))]
        async fn user(id: u64, trace: &str) -> String {
            BODIES.ran();
            format!("{id} {trace}")
        }

        assert_eq!(user(1, "a").await, "1 a");
        assert_eq!(user(1, "b").await, "1 a");
        assert_eq!(BODIES.count(), 1);
        assert_eq!(user_entry(1).key(), "skip:1");
    }

    #[tokio::test]
    async fn braces_and_doubled_brackets_are_literal() {
        #[cachefence(key = "{org:<org>}:<<user>>:<id>", ttl = 60)]
        async fn user(org: u64, id: u64) -> u64 {
            org + id
        }

        assert_eq!(user(1, 2).await, 3);
        assert_eq!(user_entry(1, 2).key(), "{org:1}:<user>:2");
    }

    #[tokio::test]
    async fn fields_and_methods_are_read() {
        struct Org {
            ids: (u64, u64),
            name: String,
        }

        impl Org {
            fn slug(&self) -> String {
                self.name.to_lowercase()
            }
        }

        #[cachefence(key = "fields:<org.ids.1>:<org.name.len()>:<org.slug()>", ttl = 60)]
        async fn users(org: &Org) -> u64 {
            org.ids.0
        }

        let org = Org { ids: (1, 2), name: "ACME".to_owned() };
        assert_eq!(users(&org).await, 1);
        assert_eq!(users_entry(&org).key(), "fields:2:4:acme");
    }

    #[tokio::test]
    async fn a_key_that_is_too_long_costs_the_cache_and_not_the_result() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "long:<name>", ttl = 60)]
        async fn length(name: &str) -> (usize, u32) {
            (name.len(), BODIES.ran())
        }

        let name = "n".repeat(MAX_KEY_BYTES);
        assert_eq!(length(&name).await, (name.len(), 1));
        assert_eq!(length(&name).await, (name.len(), 2));
        let error = length_entry(&name).peek().await.unwrap_err();
        assert!(matches!(error, Error::Key(_)), "{error}");
    }
}

mod the_companion {
    use super::*;

    #[cachefence(key = "companion:<id>", ttl = 60)]
    async fn user(id: u64) -> Result<String, io::Error> {
        Ok(format!("user {id}"))
    }

    #[tokio::test]
    async fn it_names_the_key() {
        assert_eq!(user_entry(1).key(), "companion:1");
    }

    #[tokio::test]
    async fn it_runs_nothing() {
        assert_eq!(user_entry(2).peek().await.unwrap(), None);
    }

    #[tokio::test]
    async fn it_peeks_at_what_a_call_has_cached() {
        let value = user(3).await.unwrap();
        assert_eq!(user_entry(3).peek().await.unwrap(), Some(value));
    }

    #[tokio::test]
    async fn it_sets_what_a_call_is_served() {
        user_entry(4).set(&"another".to_owned()).await.unwrap();
        assert_eq!(user(4).await.unwrap(), "another");
    }

    #[tokio::test]
    async fn it_invalidates_what_a_call_has_cached() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "invalidated", ttl = 60)]
        async fn count() -> u32 {
            BODIES.ran()
        }

        assert_eq!(count().await, 1);
        count_entry().invalidate().await.unwrap();
        assert_eq!(count_entry().peek().await.unwrap(), None);
        assert_eq!(count().await, 2);
    }

    #[tokio::test]
    async fn it_is_as_visible_as_the_function() {
        mod outer {
            use super::*;

            pub(in super::super) mod inner {
                use super::*;

                #[cachefence(key = "visibility:<id>", ttl = 60)]
                pub(in super::super) async fn user(id: u64) -> u64 {
                    id
                }
            }
        }

        assert_eq!(outer::inner::user(1).await, 1);
        assert_eq!(outer::inner::user_entry(1).key(), "visibility:1");
    }

    #[tokio::test]
    async fn it_takes_what_the_key_the_cache_and_the_times_read() {
        struct State {
            cache: CacheFence,
        }

        #[cachefence(key = "takes:<id>", ttl = Duration::from_secs(*ttl), cache = state.cache, skip(db, state, ttl))]
        async fn user(db: &str, state: &State, id: u64, ttl: &u64) -> String {
            format!("{db} {id}")
        }

        let state = State { cache: CacheFence::in_memory() };
        assert_eq!(user("db", &state, 1, &60).await, "db 1");
        let entry = user_entry(&state, 1, &60);
        assert_eq!(entry.peek().await.unwrap(), Some("db 1".to_owned()));
    }

    #[tokio::test]
    async fn it_infers_what_the_function_infers() {
        #[cachefence(key = "inferred:<a>:<b.as_ref()>", ttl = 60)]
        async fn text<A: cachefence::KeyPart>(a: A, b: impl AsRef<str>) -> String {
            b.as_ref().to_owned()
        }

        assert_eq!(text(1, "x").await, "x");
        assert_eq!(text_entry(1, "x").key(), "inferred:1:x");
    }
}

mod ttl {
    use super::*;

    /// Asserts that calls are served by the first one's body until `lasts` is over, and no longer.
    async fn assert_lasts(lasts: Duration, mut call: impl AsyncFnMut() -> u32) {
        let moment = Duration::from_millis(1);
        assert_eq!(call().await, 1);
        advance(lasts.saturating_sub(moment)).await;
        assert_eq!(call().await, 1, "1 ms before the end");
        advance(moment).await;
        assert_eq!(call().await, 2, "at the end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_number_is_seconds() {
        #[cachefence(key = "int", ttl = 2, cache = cache, skip(cache, bodies))]
        async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
            bodies.ran()
        }

        let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
        assert_lasts(Duration::from_secs(2), async || count(&cache, &bodies).await).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_fraction_is_seconds() {
        #[cachefence(key = "float", ttl = 0.25, cache = cache, skip(cache, bodies))]
        async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
            bodies.ran()
        }

        let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
        assert_lasts(Duration::from_millis(250), async || count(&cache, &bodies).await).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_string_has_units() {
        #[cachefence(key = "string", ttl = "1m30s5ms", cache = cache, skip(cache, bodies))]
        async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
            bodies.ran()
        }

        let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
        assert_lasts(Duration::from_millis(90_005), async || count(&cache, &bodies).await).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_expression_is_a_duration() {
        #[cachefence(key = "expression", ttl = Duration::from_secs(60) * 2, cache = cache, skip(cache, bodies))]
        async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
            bodies.ran()
        }

        let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
        assert_lasts(Duration::from_secs(120), async || count(&cache, &bodies).await).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_expression_reads_the_arguments() {
        struct Config {
            ttl: Duration,
        }

        #[cachefence(
            key = "arguments",
            ttl = if *long { config.ttl * 2 } else { config.ttl },
            cache = cache,
            skip(cache, bodies, config, long)
        )]
        async fn count(cache: &CacheFence, bodies: &Bodies, config: &Config, long: &bool) -> u32 {
            bodies.ran()
        }

        let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
        let config = Config { ttl: Duration::from_secs(7) };
        let call = async || count(&cache, &bodies, &config, &true).await;
        assert_lasts(Duration::from_secs(14), call).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_companion_sets_lasts_as_long() {
        #[cachefence(key = "set", ttl = 2, cache = cache, skip(cache))]
        async fn number(cache: &CacheFence) -> u32 {
            2
        }

        let cache = CacheFence::in_memory();
        number_entry(&cache).set(&1).await.unwrap();
        assert_lasts(Duration::from_secs(2), async || number(&cache).await).await;
    }

    #[tokio::test]
    async fn one_that_cannot_be_used_costs_the_cache_and_not_the_result() {
        #[cachefence(key = "unusable", ttl = ttl, cache = cache, skip(cache, bodies, ttl))]
        async fn count(cache: &CacheFence, bodies: &Bodies, ttl: Duration) -> u32 {
            bodies.ran()
        }

        let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
        for (calls, ttl) in (1..).zip([Duration::ZERO, Duration::ZERO, Duration::MAX]) {
            assert_eq!(count(&cache, &bodies, ttl).await, calls, "{ttl:?}");
        }
        let error = count_entry(&cache, Duration::ZERO).set(&1).await.unwrap_err();
        assert!(matches!(&error, Error::Option(option) if option.option() == "ttl"), "{error}");
    }

    #[tokio::test]
    async fn an_error_comes_through_one_that_cannot_be_used() {
        #[cachefence(key = "unusable-error", ttl = *ttl, skip(ttl))]
        async fn fail(ttl: &Duration) -> Result<u32, String> {
            Err("as it is".to_owned())
        }

        assert_eq!(fail(&Duration::ZERO).await, Err("as it is".to_owned()));
    }
}

mod beta {
    use super::*;

    /// So that a rebuild has a duration, which early refreshes are measured by.
    const REBUILD: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn zero_never_refreshes_early() {
        #[cachefence(key = "zero", ttl = 60, beta = 0, cache = cache, skip(cache, bodies))]
        async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
            sleep(REBUILD).await;
            bodies.ran()
        }

        let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
        count(&cache, &bodies).await;
        advance(Duration::from_millis(59_999)).await;
        for _ in 0..1_000 {
            assert_eq!(count(&cache, &bodies).await, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_one_refreshes_at_once() {
        #[cachefence(key = "large", ttl = 60, beta = 1e12, cache = cache, skip(cache, bodies))]
        async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
            sleep(REBUILD).await;
            bodies.ran()
        }

        let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
        for call in 1..=3 {
            assert_eq!(count(&cache, &bodies).await, call);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_expression_reads_the_arguments() {
        #[cachefence(key = "beta", ttl = 60, beta = *beta, cache = cache, skip(cache, bodies, beta))]
        async fn count(cache: &CacheFence, bodies: &Bodies, beta: &f64) -> u32 {
            sleep(REBUILD).await;
            bodies.ran()
        }

        let (cache, bodies) = (CacheFence::in_memory(), Bodies::new());
        assert_eq!(count(&cache, &bodies, &0.0).await, 1);
        assert_eq!(count(&cache, &bodies, &0.0).await, 1);
        assert_eq!(count(&cache, &bodies, &1e12).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_caches_own_is_the_default() {
        #[cachefence(key = "default", ttl = 60, cache = cache, skip(cache, bodies))]
        async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
            sleep(REBUILD).await;
            bodies.ran()
        }

        let eager = CacheFence::builder().in_memory().beta(1e12).build_lazy().unwrap();
        let bodies = Bodies::new();
        for call in 1..=3 {
            assert_eq!(count(&eager, &bodies).await, call);
        }
    }

    #[tokio::test]
    async fn one_that_cannot_be_used_costs_the_cache_and_not_the_result() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "unusable-beta", ttl = 60, beta = f64::NAN)]
        async fn count() -> u32 {
            BODIES.ran()
        }

        for call in 1..=2 {
            assert_eq!(count().await, call);
        }
    }
}

mod locks {
    use super::*;

    /// Takes the lock of `name`, as another process would; returns how long the one that holds it has it still.
    async fn take_lock(cache: &CacheFence, name: &str) -> Option<Duration> {
        let (key, token) = (testing::key(name), testing::token());
        let lease = Duration::from_secs(3600);
        match testing::store(cache).acquire(&key, &token, lease, None).await.unwrap() {
            Acquired::Held { remaining } => Some(remaining),
            _ => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn wait_for_lock_is_how_long_a_call_waits_for_another_process() {
        #[cachefence(key = "waiting", ttl = 60, wait_for_lock = "700ms", cache = cache, skip(cache))]
        async fn number(cache: &CacheFence) -> u32 {
            1
        }

        let cache = CacheFence::in_memory();
        assert_eq!(take_lock(&cache, "waiting").await, None);
        let called = Instant::now();
        assert_eq!(number(&cache).await, 1);
        assert_eq!(called.elapsed().as_millis(), 700);
    }

    #[tokio::test(start_paused = true)]
    async fn wait_for_lock_may_be_zero() {
        #[cachefence(key = "impatient", ttl = 60, wait_for_lock = 0, cache = cache, skip(cache))]
        async fn number(cache: &CacheFence) -> u32 {
            1
        }

        let cache = CacheFence::in_memory();
        assert_eq!(take_lock(&cache, "impatient").await, None);
        let called = Instant::now();
        assert_eq!(number(&cache).await, 1);
        assert!(called.elapsed() < Duration::from_millis(50), "{:?}", called.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn wait_for_lock_may_be_an_expression_over_the_arguments() {
        #[cachefence(key = "patient", ttl = 60, wait_for_lock = *longest, cache = cache, skip(cache, longest))]
        async fn number(cache: &CacheFence, longest: &Duration) -> u32 {
            1
        }

        let cache = CacheFence::in_memory();
        assert_eq!(take_lock(&cache, "patient").await, None);
        let called = Instant::now();
        assert_eq!(number(&cache, &Duration::from_secs(30)).await, 1);
        assert_eq!(called.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn lock_timeout_is_how_long_a_lock_lasts() {
        #[cachefence(key = "lease", ttl = 60, lock_timeout = 0.3, cache = cache, skip(cache))]
        async fn remaining(cache: &CacheFence) -> Option<Duration> {
            take_lock(cache, "lease").await
        }

        let cache = CacheFence::in_memory();
        assert_eq!(remaining(&cache).await, Some(Duration::from_millis(300)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rebuild_may_take_longer_than_the_lock_timeout() {
        #[cachefence(key = "renewed", ttl = 60, lock_timeout = "30ms", cache = cache, skip(cache))]
        async fn held(cache: &CacheFence) -> bool {
            sleep(Duration::from_secs(1)).await;
            take_lock(cache, "renewed").await.is_some()
        }

        let cache = CacheFence::in_memory();
        assert!(held(&cache).await);
    }

    #[tokio::test]
    async fn a_lock_timeout_that_cannot_be_used_costs_the_cache_and_not_the_result() {
        static BODIES: Bodies = Bodies::new();

        #[cachefence(key = "unusable-lock", ttl = 60, lock_timeout = Duration::ZERO)]
        async fn count() -> u32 {
            BODIES.ran()
        }

        for call in 1..=2 {
            assert_eq!(count().await, call);
        }
    }
}

mod cache {
    use super::*;

    /// Whether `key` is in `cache`.
    async fn holds(cache: &CacheFence, key: &str) -> bool {
        cache.entry::<u64>(key).peek().await.unwrap().is_some()
    }

    #[tokio::test]
    async fn of_self() {
        struct Users {
            cache: CacheFence,
        }

        impl Users {
            #[cachefence(key = "self:<id>", ttl = 60, cache = self.cache, skip(self))]
            async fn get(&self, id: u64) -> u64 {
                id
            }
        }

        let users = Users { cache: CacheFence::in_memory() };
        users.get(1).await;
        assert!(holds(&users.cache, "self:1").await);
        assert_eq!(users.get_entry(1).peek().await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn of_an_argument() {
        struct State {
            cache: CacheFence,
        }

        #[cachefence(key = "state:<id>", ttl = 60, cache = state.cache, skip(state))]
        async fn user(state: &State, id: u64) -> u64 {
            id
        }

        let state = State { cache: CacheFence::in_memory() };
        user(&state, 1).await;
        assert!(holds(&state.cache, "state:1").await);
    }

    #[tokio::test]
    async fn of_an_argument_by_value() {
        #[cachefence(key = "value:<id>", ttl = 60, cache = cache, skip(cache))]
        async fn user(cache: CacheFence, id: u64) -> u64 {
            drop(cache);
            id
        }

        let cache = CacheFence::in_memory();
        user(cache.clone(), 1).await;
        assert!(holds(&cache, "value:1").await);
    }

    #[tokio::test]
    async fn of_an_arc() {
        #[cachefence(key = "arc:<id>", ttl = 60, cache = cache, skip(cache))]
        async fn user(cache: Arc<CacheFence>, id: u64) -> u64 {
            id
        }

        let cache = Arc::new(CacheFence::in_memory());
        user(Arc::clone(&cache), 1).await;
        assert!(holds(&cache, "arc:1").await);
    }

    #[tokio::test]
    async fn of_a_static() {
        static CACHE: LazyLock<CacheFence> = LazyLock::new(CacheFence::in_memory);

        #[cachefence(key = "static:<id>", ttl = 60, cache = CACHE)]
        async fn user(id: u64) -> u64 {
            id
        }

        user(1).await;
        assert!(holds(&CACHE, "static:1").await);
    }

    #[tokio::test]
    async fn of_a_method() {
        struct Users(CacheFence);

        impl Users {
            fn cache(&self) -> &CacheFence {
                &self.0
            }

            #[cachefence(key = "method:<id>", ttl = 60, cache = self.cache(), skip(self))]
            async fn get(&self, id: u64) -> u64 {
                id
            }
        }

        let users = Users(CacheFence::in_memory());
        users.get(1).await;
        assert!(holds(&users.0, "method:1").await);
    }

    #[tokio::test]
    async fn of_a_choice_of_values() {
        static CACHES: LazyLock<[CacheFence; 2]> =
            LazyLock::new(|| std::array::from_fn(|_| CacheFence::in_memory()));

        #[cachefence(key = "shard:<id>", ttl = 60, cache = CACHES[*id % 2])]
        async fn user(id: &usize) -> u64 {
            7
        }

        user(&1).await;
        assert!(holds(&CACHES[1], "shard:1").await);
        assert!(!holds(&CACHES[0], "shard:1").await);
    }

    #[tokio::test]
    async fn of_a_choice_of_references() {
        struct Users {
            hot: CacheFence,
            cold: CacheFence,
        }

        impl Users {
            #[cachefence(
                key = "choice:<id>",
                ttl = 60,
                cache = if *id < 10 { &self.hot } else { &self.cold },
                skip(self)
            )]
            async fn get(&self, id: &u64) -> u64 {
                7
            }
        }

        let users = Users { hot: CacheFence::in_memory(), cold: CacheFence::in_memory() };
        users.get(&1).await;
        assert!(holds(&users.hot, "choice:1").await);
        assert!(!holds(&users.cold, "choice:1").await);
    }

    #[tokio::test]
    async fn two_caches_do_not_share_entries() {
        #[cachefence(key = "two", ttl = 60, cache = cache, skip(cache, bodies))]
        async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
            bodies.ran()
        }

        let (one, other, bodies) =
            (CacheFence::in_memory(), CacheFence::in_memory(), Bodies::default());
        assert_eq!(count(&one, &bodies).await, 1);
        assert_eq!(count(&other, &bodies).await, 2);
        assert_eq!(count(&one, &bodies).await, 1);
    }

    #[tokio::test]
    async fn its_namespace_comes_first_in_the_key() {
        #[cachefence(key = "user:<id>", ttl = 60, cache = cache, skip(cache))]
        async fn user(cache: &CacheFence, id: u64) -> u64 {
            id
        }

        let cache = CacheFence::builder().in_memory().namespace("app").build_lazy().unwrap();
        assert_eq!(user(&cache, 1).await, 1);
        assert_eq!(user_entry(&cache, 1).key(), "app:user:1");
    }
}

mod the_crate {
    use super::*;

    mod framework {
        pub(super) mod reexported {
            #[doc(hidden)]
            pub(in super::super) use cachefence::__private;
            pub(in super::super) use cachefence::*;
        }
        pub(super) use ::cachefence as fence;
    }

    #[tokio::test]
    async fn may_have_another_name() {
        static BODIES: Bodies = Bodies::new();

        #[framework::fence::cachefence(key = "renamed:<id>", ttl = 60, crate = framework::fence)]
        async fn user(id: u64) -> u64 {
            BODIES.ran();
            id
        }

        assert_eq!(user(1).await, 1);
        assert_eq!(user(1).await, 1);
        assert_eq!(BODIES.count(), 1);
        assert_eq!(user_entry(1).key(), "renamed:1");
    }

    #[tokio::test]
    async fn may_be_a_module_that_reexports_it() {
        #[framework::reexported::cachefence(key = "reexported:<id>", ttl = 60, crate = framework::reexported)]
        async fn user(id: u64) -> Result<u64, String> {
            Ok(id)
        }

        assert_eq!(user(1).await, Ok(1));
        assert_eq!(user_entry(1).peek().await.unwrap(), Some(1));
    }
}

mod no_companion {
    use super::*;

    #[tokio::test]
    async fn leaves_its_name_free() {
        #[cachefence(key = "free-name:<id>", ttl = 60, entry = false)]
        async fn user(id: u64) -> u64 {
            id
        }

        fn user_entry() -> &'static str {
            "mine"
        }

        assert_eq!(user(1).await, 1);
        assert_eq!(user_entry(), "mine");
    }
}
