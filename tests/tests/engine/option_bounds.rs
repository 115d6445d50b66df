//! Every option has the same bounds in the attribute, on an entry and on the builder. What is out of bounds is an error
//! where there is one to return, and a warning that names function and option where there is none.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachefence::{Builder, CacheFence, Entry, Error, cachefence};
use cachefence_tests::Log;
use tracing::Level;

const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(1 << 53);
const LONGEST_WINDOW: Duration = Duration::from_millis(1 << 52);
const NANO: Duration = Duration::from_nanos(1);
/// A minute less than the longest.
const BELOW_LONGEST: Duration = LONGEST.saturating_sub(MINUTE);

/// Below 1 ms, and too long.
const NO_TIMES: [Duration; 6] = [
    Duration::ZERO,
    NANO,
    Duration::from_nanos(999_999),
    Duration::from_millis((1 << 53) + 1),
    Duration::from_millis(u64::MAX),
    Duration::MAX,
];
const TIMES: [Duration; 3] = [MILLISECOND, MINUTE, LONGEST];
const TOO_LONG: [Duration; 2] = [Duration::from_millis((1 << 53) + 1), Duration::MAX];
const WAITS: [Duration; 4] = [Duration::ZERO, NANO, MINUTE, LONGEST];
const NO_WINDOWS: [Duration; 3] =
    [Duration::from_millis((1 << 52) + 1), Duration::from_millis(1 << 53), Duration::MAX];
const WINDOWS: [Duration; 4] = [Duration::ZERO, NANO, MINUTE, LONGEST_WINDOW];
const NO_NUMBERS: [f64; 4] = [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

type Value = Option<u32>;

fn builder() -> Builder {
    CacheFence::builder().in_memory()
}

/// Asserts that an error is that of an option.
#[track_caller]
fn assert_of<E: Debug>(error: &Error<E>, option: &str) {
    let Error::Option(refused) = error else { panic!("{error:?}") };
    assert_eq!(refused.option(), option);
    assert!(refused.to_string().starts_with(&format!("`{option}` is ")), "{refused}");
}

/// Asserts that an annotated function and an entry take each of the `good` values and refuse each of the `bad` ones.
async fn assert_bounds<V: Copy + Debug>(
    option: &str,
    (good, bad): (&[V], &[V]),
    call: impl AsyncFn(&CacheFence, V, &AtomicUsize) -> Value,
    entry: impl Fn(Entry<Value>, V) -> Entry<Value>,
) {
    for (value, is_good) in with_goodness(good, bad) {
        let (log, cache, runs) =
            (Log::open(), builder().build_lazy().unwrap(), AtomicUsize::new(0));
        for run in 1..=2 {
            assert_eq!(call(&cache, value, &runs).await, None, "{value:?}");
            if !is_good {
                assert_eq!(runs.load(Ordering::SeqCst), run, "the body runs: {value:?}");
            }
        }
        let said = log.events(Level::WARN);
        if is_good {
            assert!(said.is_empty(), "{value:?}: {said:?}");
        } else {
            assert_eq!(said.len(), 1, "{value:?}: {said:?}");
            let problem = format!("without the cache: `{option}` is ");
            assert!(said[0].message.contains(&problem), "{said:?}");
            assert_eq!(said[0].fields["template"], "of a function", "{said:?}");
        }

        let entry = || entry(cache.entry("k").ttl(MINUTE), value);
        let got = entry().get_or_set(|| {
            assert!(is_good, "it ran with {value:?}");
            ready(Ok::<_, Infallible>(None))
        });
        let (got, set) = (got.await.err(), entry().set(&None).await.err());
        if is_good {
            assert!(got.is_none() && set.is_none(), "{value:?}: {got:?} {set:?}");
        } else {
            assert_of(&got.unwrap(), option);
            assert_of(&set.unwrap(), option);
        }
    }
}

/// Asserts that a builder takes each of the `good` values and refuses each of the `bad` ones.
fn assert_built<V: Copy + Debug>(
    option: &str,
    (good, bad): (&[V], &[V]),
    with: impl Fn(Builder, V) -> Builder,
) {
    for (value, is_good) in with_goodness(good, bad) {
        match with(builder(), value).build_lazy() {
            Ok(_) => assert!(is_good, "{option} = {value:?}"),
            Err(error) if is_good => panic!("{value:?}: {error}"),
            Err(error) => assert_of(&error, option),
        }
    }
}

fn with_goodness<V: Copy>(good: &[V], bad: &[V]) -> impl Iterator<Item = (V, bool)> {
    let good: Vec<_> = good.iter().map(|value| (*value, true)).collect();
    good.into_iter().chain(bad.iter().map(|value| (*value, false)).collect::<Vec<_>>())
}

/// Each option of a call: its type, and values within and out of its bounds.
macro_rules! call_options {
    ($($option:ident: $value:ty = $good:expr, $bad:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $option() {
            #[cachefence(key = "of a function", ttl = 60, $option = value, cache = cache, skip(cache, value, runs), entry = false)]
            async fn function(cache: &CacheFence, value: $value, runs: &AtomicUsize) -> Value {
                runs.fetch_add(1, Ordering::SeqCst);
                None
            }
            let values = (&$good[..], &$bad[..]);
            let entry = |entry: Entry<Value>, value| entry.$option(value);
            assert_bounds(stringify!($option), values, function, entry).await;
        }
    )*};
}

/// Each option of a cache: values within and out of its bounds.
macro_rules! builder_options {
    ($($option:ident = $good:expr, $bad:expr;)*) => {
        #[test]
        fn options_of_a_builder() {
            $(
                let with = |builder: Builder, value| builder.$option(value);
                assert_built(stringify!($option), (&$good[..], &$bad[..]), with);
            )*
        }
    };
}

call_options! {
    negative_ttl: Duration = TIMES, NO_TIMES;
    jitter: f64 = [0.0, 0.5, 1.0], [&NO_NUMBERS[..], &[1.1]].concat();
    beta: f64 = [0.0, 1.0, f64::MAX], NO_NUMBERS;
    lock_timeout: Duration = TIMES, NO_TIMES;
    wait_for_lock: Duration = WAITS, TOO_LONG;
    stale_while_revalidate: Duration = WINDOWS, NO_WINDOWS;
    stale_if_error: Duration = WINDOWS, NO_WINDOWS;
    recompute_timeout: Duration = TIMES, NO_TIMES;
}

builder_options! {
    jitter = [0.0, 0.5, 1.0], [&NO_NUMBERS[..], &[1.1]].concat();
    beta = [0.0, 1.0, f64::MAX], NO_NUMBERS;
    lock_timeout = TIMES, NO_TIMES;
    wait_for_lock = WAITS, TOO_LONG;
    stale_while_revalidate = WINDOWS, NO_WINDOWS;
    stale_if_error = WINDOWS, NO_WINDOWS;
    recompute_timeout = TIMES, NO_TIMES;
    load_timeout = TIMES, NO_TIMES;
    retry_after = WAITS, TOO_LONG;
    op_timeout = TIMES, NO_TIMES;
    max_value_bytes = [1, usize::MAX], [0];
    max_bypass = [1, usize::MAX], [0];
}

#[tokio::test(start_paused = true)]
async fn ttl() {
    #[cachefence(key = "of a function", ttl = value, cache = cache, skip(cache, value, runs), entry = false)]
    async fn function(cache: &CacheFence, value: Duration, runs: &AtomicUsize) -> Value {
        runs.fetch_add(1, Ordering::SeqCst);
        None
    }
    assert_bounds("ttl", (&TIMES, &NO_TIMES), function, Entry::ttl).await;
    for (value, is_good) in with_goodness(&TIMES, &NO_TIMES) {
        let cache = builder().build_lazy().unwrap();
        let got = cache.get_or_set("k", value, || ready(Ok::<_, Infallible>(1))).await;
        assert_eq!(got.is_ok(), is_good, "{value:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ttl_and_a_stale_window_together() {
    /// The times of one call.
    type Times = (Duration, Duration);

    #[cachefence(key = "of a function", ttl = value.0, stale_if_error = value.1, cache = cache, skip(cache, value, runs), entry = false)]
    async fn function(cache: &CacheFence, value: Times, runs: &AtomicUsize) -> Value {
        runs.fetch_add(1, Ordering::SeqCst);
        None
    }
    let good: [Times; 3] =
        [(LONGEST_WINDOW, LONGEST_WINDOW), (LONGEST, Duration::ZERO), (BELOW_LONGEST, MINUTE)];
    let bad: [Times; 3] =
        [(LONGEST_WINDOW + NANO, LONGEST_WINDOW), (LONGEST, NANO), (BELOW_LONGEST + NANO, MINUTE)];
    let entry = |entry: Entry<Value>, (ttl, window)| entry.ttl(ttl).stale_while_revalidate(window);
    assert_bounds("ttl", (&good, &bad), function, entry).await;

    // The window may also be the cache's, and the ttl that of a `None`.
    let cache = builder().stale_if_error(MINUTE).build_lazy().unwrap();
    let load = || ready(Ok::<_, Infallible>(None));
    for (ttl, is_good) in [(BELOW_LONGEST, true), (LONGEST, false)] {
        let entry = || cache.entry::<Value>("k");
        let got = entry().ttl(ttl).get_or_set(load).await.err();
        let negative = entry().ttl(MINUTE).negative_ttl(ttl).get_or_set(load).await.err();
        assert_eq!((got.is_none(), negative.is_none()), (is_good, is_good), "{ttl:?}");
        if !is_good {
            assert_of(&got.unwrap(), "ttl");
            assert_of(&negative.unwrap(), "negative_ttl");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_ttl_of_gives() {
    #[cachefence(key = "of a function", ttl_of = |ttl: &Duration| *ttl, stale_if_error = 60, cache = cache, skip(cache, ttl), entry = false)]
    async fn function(cache: &CacheFence, ttl: Duration) -> Duration {
        ttl
    }
    // Together with the window the longest ttl is too long; zero is how a value says that it is not to be cached.
    let bad = [NANO, Duration::from_nanos(999_999), LONGEST, Duration::MAX];
    for (ttl, is_good) in with_goodness(&[Duration::ZERO, MINUTE, BELOW_LONGEST], &bad) {
        let (log, cache) = (Log::open(), builder().build_lazy().unwrap());
        for _ in 0..2 {
            assert_eq!(function(&cache, ttl).await, ttl);
        }
        let said = log.events(Level::WARN);
        assert_eq!(said.len(), usize::from(!is_good), "{ttl:?}: {said:?}");
        assert!(
            said.iter().all(|line| line.message.contains("not stored: `ttl_of` is ")),
            "{said:?}"
        );
        assert!(said.iter().all(|line| line.fields["template"] == "of a function"), "{said:?}");
        let entry = cache.entry("k").ttl_of(|ttl: &Duration| *ttl).stale_if_error(MINUTE);
        match entry.set(&ttl).await {
            Ok(()) => assert!(is_good, "{ttl:?}"),
            Err(error) => assert_of(&error, "ttl_of"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_option_that_is_set_again_within_bounds_is_taken() {
    let cache = builder().build_lazy().unwrap();
    let entry = cache.entry::<Value>("k").ttl(Duration::MAX).beta(f64::NAN).negative_ttl(NANO);
    let entry = entry.ttl(MINUTE).beta(1.0).negative_ttl(MINUTE);
    assert_eq!(entry.get_or_set(|| ready(Ok::<_, Infallible>(None))).await.unwrap(), None);
}
