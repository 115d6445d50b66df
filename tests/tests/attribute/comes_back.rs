//! A hit equals its miss: a value that would come back as another one, or not at all, is served, told of, and not stored.

use std::sync::{Arc, Mutex};

use cachefence::{CacheFence, Event, Stats, cachefence};
use cachefence_tests::{Loads, RedisServer};
use serde::{Deserialize, Serialize};
use tokio::sync::Barrier;

const CALLERS: usize = 50;

/// A cache, what it tells of values that are not stored, and the loads.
#[derive(Clone)]
struct Told {
    cache: CacheFence,
    loads: Loads,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Told {
    fn new() -> Self {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes = Arc::clone(&lines);
        let note = move |event: &Event<'_>| {
            if let Event::UnstorableValue { template, .. } = event {
                notes.lock().unwrap().push(format!("{template}: {event}"));
            }
        };
        let cache = CacheFence::builder().in_memory().observe(note).build_lazy().unwrap();
        Self { cache, loads: Loads::default(), lines }
    }

    fn stats(&self) -> Stats {
        self.cache.stats()
    }

    /// Asserts that each of so many loads was told of, in these words, and that nothing was stored.
    #[track_caller]
    fn assert_told(&self, loads: usize, words: &[&str]) {
        let lines = self.lines.lock().unwrap();
        assert_eq!(lines.len(), loads, "{lines:#?}");
        for word in words {
            assert!(lines.iter().all(|line| line.contains(word)), "{word}: {lines:#?}");
        }
        assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:#?}");
        let stats = self.stats();
        assert_eq!((stats.loads.stored, stats.loads.undecodable), (0, loads as u64));
        assert_eq!(self.loads.count(), loads);
    }
}

/// Defines a function that returns `$value`, of a `$type` with these attributes; its loads end once `$barrier` is met.
macro_rules! cached {
    ($name:ident, [$($derive:ident),*], { $($(#[$attribute:meta])* $field:ident: $type:ty = $value:expr,)* }) => {
        #[derive($($derive,)* Serialize, Deserialize)]
        struct Row { $($(#[$attribute])* $field: $type,)* }

        #[cachefence(key = "row:<id>", ttl = 60, cache = told.cache, skip(told))]
        async fn $name(told: &Told, id: u64) -> Result<Row, String> {
            let _running = told.loads.begin();
            tokio::task::yield_now().await;
            Ok(Row { $($field: $value,)* })
        }
    };
}

#[allow(clippy::unnecessary_wraps)] // as the field is
fn secret() -> Option<String> {
    Some("secret".to_owned())
}

/// Calls that come one after the other, each of which is given what the first was.
macro_rules! assert_each_is_first {
    ($told:expr, $call:expr, $field:ident == $value:expr) => {
        for _ in 0..3 {
            assert_eq!($call(&$told, 1).await.map(|row| row.$field), Ok($value));
        }
    };
}

#[tokio::test]
async fn a_field_that_is_not_written_is_told_of_and_each_caller_has_it() {
    cached!(user, [Debug, Clone, PartialEq], {
        #[serde(skip_serializing, default)]
        hash: Option<String> = secret(),
    });
    let told = Told::new();
    assert_each_is_first!(told, user, hash == secret());
    told.assert_told(3, &["row:<id>", "`hash`", "Row`"]);
}

#[tokio::test]
async fn a_field_that_is_skipped_is_found_by_what_debug_prints() {
    cached!(user, [Debug], {
        #[serde(skip)]
        hash: Option<String> = secret(),
    });
    let told = Told::new();
    assert_each_is_first!(told, user, hash == secret());
    told.assert_told(3, &["row:<id>", "`hash`"]);
}

#[tokio::test]
async fn a_type_that_cannot_be_printed_is_compared_and_the_function_named() {
    cached!(user, [PartialEq], {
        #[serde(skip)]
        hash: Option<String> = secret(),
    });
    let told = Told::new();
    assert_each_is_first!(told, user, hash == secret());
    told.assert_told(3, &["row:<id>", "differs", "somewhere"]);
}

#[tokio::test]
async fn a_field_inside_another_is_named_by_its_path() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Profile {
        name: String,
        #[serde(rename(serialize = "mail"), alias = "email", default)]
        email: Option<String>,
    }
    cached!(user, [Debug, PartialEq], {
        profiles: Vec<Profile> = vec![Profile { name: "ann".to_owned(), email: secret() }],
    });
    let told = Told::new();
    user(&told, 1).await.unwrap();
    told.assert_told(1, &["`profiles.email`"]);
}

#[tokio::test]
async fn a_value_without_a_way_to_compare_it_is_stored() {
    cached!(user, [Clone], {
        #[serde(skip)]
        hash: Option<String> = secret(),
    });
    let told = Told::new();
    assert_eq!(user(&told, 1).await.map(|row| row.hash), Ok(secret()));
    assert_eq!(user(&told, 1).await.map(|row| row.hash), Ok(None), "nobody can see that");
    assert_eq!(told.stats().loads.stored, 1);
}

/// Callers that come at the same time.
async fn at_once<F>(call: impl Fn(Told, Arc<Barrier>) -> F) -> (Told, Vec<F::Output>)
where
    F: Future<Output: Send> + Send + 'static,
{
    let (told, barrier) = (Told::new(), Arc::new(Barrier::new(CALLERS)));
    let calls: Vec<_> =
        (0..CALLERS).map(|_| tokio::spawn(call(told.clone(), Arc::clone(&barrier)))).collect();
    let mut results = Vec::new();
    for call in calls {
        results.push(call.await.unwrap());
    }
    (told, results)
}

/// Defines `at_once` callers of a function, and gives what they are told and given.
macro_rules! called_at_once {
    ($name:ident) => {
        at_once(|told, barrier| async move {
            barrier.wait().await;
            $name(&told, 1).await
        })
        .await
    };
}

#[tokio::test]
async fn a_type_that_does_not_decode_is_one_load_for_50_callers() {
    cached!(list, [Clone], {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tags: Vec<u8> = Vec::new(),
    });
    let (told, results) = called_at_once!(list);
    assert!(results.iter().all(|result| result.as_ref().is_ok_and(|row| row.tags.is_empty())));
    told.assert_told(1, &["row:<id>", "does not decode", "missing field `tags`"]);
}

#[tokio::test]
async fn a_flattened_u128_is_one_load_for_50_callers() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Amount {
        wei: u128,
    }
    cached!(balance, [Clone], {
        #[serde(flatten)]
        amount: Amount = Amount { wei: u128::MAX },
    });
    let (told, results) = called_at_once!(balance);
    assert!(results.iter().all(|row| row.as_ref().is_ok_and(|row| row.amount.wei == u128::MAX)));
    told.assert_told(1, &["row:<id>", "does not decode"]);
}

#[tokio::test]
async fn a_value_that_differs_reaches_those_who_wait_as_a_clone() {
    cached!(user, [Clone, Debug], {
        #[serde(skip)]
        hash: Option<String> = secret(),
    });
    let (told, results) = called_at_once!(user);
    assert!(results.iter().all(|row| row.as_ref().is_ok_and(|row| row.hash == secret())));
    told.assert_told(1, &["`hash`"]);
}

#[tokio::test]
async fn a_value_that_differs_and_cannot_be_cloned_is_one_load_too() {
    cached!(user, [Debug], {
        name: String = "ann".to_owned(),
        #[serde(skip)]
        hash: Option<String> = secret(),
    });
    let (told, results) = called_at_once!(user);
    assert!(results.iter().all(|row| row.as_ref().is_ok_and(|row| row.name == "ann")));
    assert_eq!(results.iter().flatten().filter(|row| row.hash.is_some()).count(), 1);
    told.assert_told(1, &["`hash`"]);
}

#[tokio::test]
async fn a_value_that_can_be_neither_cloned_nor_decoded_is_loaded_by_each_caller() {
    cached!(list, [Debug], {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tags: Vec<u8> = Vec::new(),
    });
    let (told, results) = called_at_once!(list);
    assert!(results.iter().all(Result::is_ok));
    told.assert_told(CALLERS, &["missing field `tags`"]);
}

#[tokio::test]
async fn those_who_wait_are_given_the_leaders_clone() {
    // Nobody can see that this value does not come back; but what was not read back is as it was.
    cached!(user, [Clone], {
        #[serde(skip)]
        hash: Option<String> = secret(),
    });
    let (told, results) = called_at_once!(user);
    assert!(results.iter().all(|row| row.as_ref().is_ok_and(|row| row.hash == secret())));
    assert_eq!((told.loads.count(), told.stats().loads.stored), (1, 1));
}

#[tokio::test]
async fn a_detached_load_is_verified_too() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct User {
        #[serde(skip)]
        hash: Option<String>,
    }

    #[cachefence(key = "user:<id>", ttl = 60, detached, cache = told.cache, skip(told))]
    async fn user(told: &Told, id: u64) -> User {
        let _running = told.loads.begin();
        User { hash: secret() }
    }

    let told = Told::new();
    for _ in 0..2 {
        assert_eq!(user(&told, 1).await.hash, secret());
    }
    told.assert_told(2, &["user:<id>", "`hash`"]);
}

#[tokio::test]
async fn a_detached_caller_has_what_its_body_returned_though_the_type_cannot_be_cloned() {
    #[derive(Debug, Serialize, Deserialize)]
    struct User {
        #[serde(skip)]
        hash: Option<String>,
    }

    #[cachefence(key = "user:<id>", ttl = 60, detached, cache = told.cache, skip(told))]
    async fn user(told: &Told, id: u64) -> User {
        let _running = told.loads.begin();
        User { hash: secret() }
    }

    let told = Told::new();
    for _ in 0..2 {
        assert_eq!(user(&told, 1).await.hash, secret());
    }
    told.assert_told(2, &["user:<id>", "`hash`"]);
}

#[tokio::test]
async fn a_value_that_is_not_to_be_cached_is_not_verified() {
    #[derive(Debug, Serialize, Deserialize)]
    struct User {
        #[serde(skip)]
        hash: Option<String>,
    }

    #[cachefence(key = "user:<id>", ttl_of = |_: &User| std::time::Duration::ZERO, cache = told.cache, skip(told))]
    async fn user(told: &Told, id: u64) -> User {
        User { hash: secret() }
    }

    let told = Told::new();
    assert_eq!(user(&told, 1).await.hash, secret());
    assert_eq!(told.lines.lock().unwrap().len(), 0);
    assert_eq!(told.stats().loads.not_cached, 1);
}

/// A function whose values come back only where their `hash` is `None`.
async fn sometimes(told: &Told, id: u64, hash: Option<String>) -> Option<String> {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct User {
        #[serde(skip)]
        hash: Option<String>,
    }

    #[cachefence(key = "sometimes:<id>", ttl = 60, cache = told.cache, skip(told, hash))]
    async fn user(told: &Told, id: u64, hash: Option<String>) -> User {
        let _running = told.loads.begin();
        User { hash }
    }

    user(told, id, hash).await.hash
}

#[tokio::test]
async fn later_values_are_verified_now_and_then_and_each_one_once_one_has_failed() {
    let told = Told::new();
    assert_eq!(sometimes(&told, 0, None).await, None);
    let mut id = 0;
    while told.lines.lock().unwrap().is_empty() {
        id += 1;
        assert!(id < 10_000, "none of the values was verified");
        assert_eq!(sometimes(&told, id, secret()).await, secret());
    }
    let (told_before, stored) = (told.lines.lock().unwrap().len(), told.stats().loads.stored);
    for _ in 0..10 {
        assert_eq!(sometimes(&told, id, secret()).await, secret());
    }
    assert_eq!(told.lines.lock().unwrap().len(), told_before + 10);
    assert_eq!(told.stats().loads.stored, stored);
    // A value that comes back is stored all the same.
    assert_eq!(sometimes(&told, id, None).await, None);
    assert_eq!(sometimes(&told, id, secret()).await, None, "a hit");
    assert_eq!(told.stats().loads.stored, stored + 1);
}

#[tokio::test]
async fn a_type_whose_comparison_panics_is_served_and_told_of() {
    #[derive(Serialize, Deserialize)]
    struct Odd(u8);

    impl PartialEq for Odd {
        fn eq(&self, _: &Self) -> bool {
            panic!("on purpose")
        }
    }

    #[cachefence(key = "odd:<id>", ttl = 60, cache = told.cache, skip(told))]
    async fn odd(told: &Told, id: u64) -> Odd {
        let _running = told.loads.begin();
        Odd(1)
    }

    let told = Told::new();
    assert_eq!(odd(&told, 1).await.0, 1);
    told.assert_told(1, &["odd:<id>", "Odd`", "panicked"]);
}

#[tokio::test]
async fn get_or_set_does_not_store_what_does_not_decode() {
    #[derive(Serialize, Deserialize)]
    struct List {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tags: Vec<u8>,
    }
    let told = Told::new();
    for _ in 0..2 {
        let entry = told.cache.entry::<List>("list").ttl(std::time::Duration::from_secs(60));
        let list = entry.get_or_set(|| async {
            let _running = told.loads.begin();
            Ok::<_, std::io::Error>(List { tags: Vec::new() })
        });
        assert!(list.await.unwrap().tags.is_empty());
    }
    told.assert_told(2, &["missing field `tags`"]);
}

#[tokio::test]
async fn nothing_of_a_value_that_is_not_stored_stays_on_the_server() {
    #[derive(Debug, Serialize, Deserialize)]
    struct User {
        #[serde(skip)]
        hash: Option<String>,
    }

    #[cachefence(key = "user:<id>", ttl = 60, cache = cache, skip(cache))]
    async fn user(cache: &CacheFence, id: u64) -> User {
        User { hash: secret() }
    }

    let server = RedisServer::start();
    let cache = server.cache().await;
    for _ in 0..2 {
        assert_eq!(user(&cache, 1).await.hash, secret());
    }
    assert_eq!(server.cli(&["DBSIZE"]), "0", "neither an entry, nor a mark, nor a lease");
}
