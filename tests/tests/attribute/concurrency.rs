//! Callers of an annotated function that come at the same time share one body, and its error where that is possible.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fmt, io};

use cachefence::{CacheFence, cachefence};
use cachefence_tests::{DEADLINE, Loads, Stop, until};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout};

/// A body that stops until the test lets it go on, and is counted.
#[derive(Clone)]
struct Gate {
    loads: Loads,
    stop: Arc<Stop>,
}

impl Gate {
    fn new() -> Self {
        Self { loads: Loads::default(), stop: Stop::new() }
    }

    /// Stops here until the test lets it go on; returns the number of this body, from 1.
    async fn pass(&self) -> usize {
        let running = self.loads.begin();
        self.stop.pass().await;
        running.number
    }
}

/// Starts `count` calls and returns when each has come as far as it can: to the gate, or to waiting for another.
///
/// All run on one thread, and the store answers at once, so a call that has been polled has got there.
async fn call_all<F>(count: usize, call: impl Fn(usize) -> F) -> Vec<JoinHandle<F::Output>>
where
    F: Future<Output: Send> + Send + 'static,
{
    let begun = Arc::new(AtomicUsize::new(0));
    let calls = (0..count)
        .map(|number| {
            let (begun, call) = (Arc::clone(&begun), call(number));
            tokio::spawn(async move {
                begun.fetch_add(1, Ordering::Relaxed);
                call.await
            })
        })
        .collect();
    until("all calls begin", || begun.load(Ordering::Relaxed) == count).await;
    calls
}

async fn join_all<T>(calls: Vec<JoinHandle<T>>) -> Vec<Result<T, JoinError>> {
    let mut results = Vec::new();
    for call in calls {
        results.push(timeout(DEADLINE, call).await.expect("a call is stranded"));
    }
    results
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_body() {
    #[cachefence(key = "shared", ttl = 60, cache = cache, skip(cache, gate))]
    async fn number(cache: CacheFence, gate: Gate) -> usize {
        gate.pass().await
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(100, |_| number(cache.clone(), gate.clone())).await;
    gate.stop.let_go(100);
    for result in join_all(calls).await {
        assert_eq!(result.unwrap(), 1);
    }
    assert_eq!(gate.loads.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_on_several_threads_share_one_body() {
    #[cachefence(key = "threads", ttl = 60, cache = cache, skip(cache, gate))]
    async fn number(cache: CacheFence, gate: Gate) -> usize {
        gate.pass().await
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(100, |_| number(cache.clone(), gate.clone())).await;
    gate.stop.let_go(100);
    for result in join_all(calls).await {
        assert_eq!(result.unwrap(), 1);
    }
    assert_eq!(gate.loads.count(), 1);
}

#[tokio::test]
async fn callers_of_one_task_share_one_body() {
    #[cachefence(key = "task", ttl = 60, cache = cache, skip(cache, gate))]
    async fn number(cache: &CacheFence, gate: &Gate) -> usize {
        gate.pass().await
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let (first, second, ()) = tokio::join!(number(&cache, &gate), number(&cache, &gate), async {
        gate.stop.let_go(1);
    });
    assert_eq!((first, second), (1, 1));
}

#[tokio::test]
async fn callers_of_different_keys_do_not_wait_for_each_other() {
    #[cachefence(key = "apart:<id>", ttl = 60, cache = cache, skip(cache, gate))]
    async fn number(cache: CacheFence, gate: Gate, id: usize) -> usize {
        gate.pass().await;
        id
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(10, |id| number(cache.clone(), gate.clone(), id)).await;
    until("so many bodies have come", || gate.loads.running() == 10).await;
    gate.stop.let_go(10);
    for (id, result) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(result.unwrap(), id);
    }
}

#[tokio::test]
async fn functions_of_one_template_share_one_body() {
    #[cachefence(key = "template:<id>", ttl = 60, cache = cache, skip(cache, gate))]
    async fn one(cache: CacheFence, gate: Gate, id: u64) -> Option<usize> {
        Some(gate.pass().await)
    }

    #[cachefence(key = "template:<id>", ttl = 60, cache = cache, skip(cache, gate))]
    async fn other(cache: CacheFence, gate: Gate, id: u64) -> Result<usize, NotShared> {
        Ok(gate.pass().await)
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let first = call_all(1, |_| one(cache.clone(), gate.clone(), 1)).await;
    let second = call_all(1, |_| other(cache.clone(), gate.clone(), 1)).await;
    gate.stop.let_go(2);
    assert_eq!(join_all(first).await.pop().unwrap().unwrap(), Some(1));
    assert_eq!(join_all(second).await.pop().unwrap().unwrap(), Ok(1));
}

/// An error that is `Clone`.
#[derive(Debug, Clone, PartialEq)]
struct Cloneable(usize);

#[tokio::test]
async fn an_error_that_is_clone_serves_all_callers() {
    #[cachefence(key = "clone", ttl = 60, cache = cache, skip(cache, gate))]
    async fn fail(cache: CacheFence, gate: Gate) -> Result<u64, Cloneable> {
        Err(Cloneable(gate.pass().await))
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(50, |_| fail(cache.clone(), gate.clone())).await;
    gate.stop.let_go(50);
    for result in join_all(calls).await {
        assert_eq!(result.unwrap(), Err(Cloneable(1)));
    }
    assert_eq!(gate.loads.count(), 1);
}

#[tokio::test]
async fn an_error_that_is_clone_serves_all_callers_of_an_alias() {
    type Api<T> = Result<T, Cloneable>;

    #[cachefence(key = "clone-alias", ttl = 60, cache = cache, skip(cache, gate), entry = false)]
    async fn fail(cache: CacheFence, gate: Gate) -> Api<u64> {
        Err(Cloneable(gate.pass().await))
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(50, |_| fail(cache.clone(), gate.clone())).await;
    gate.stop.let_go(50);
    for result in join_all(calls).await {
        assert_eq!(result.unwrap(), Err(Cloneable(1)));
    }
    assert_eq!(gate.loads.count(), 1);
}

/// What a body says inside an `io::Error`.
#[derive(Debug)]
struct Missing(usize);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "load {}", self.0)
    }
}

impl std::error::Error for Missing {}

#[tokio::test]
async fn an_io_error_serves_all_callers() {
    #[cachefence(key = "io", ttl = 60, cache = cache, skip(cache, gate))]
    async fn fail(cache: CacheFence, gate: Gate) -> io::Result<u64> {
        let number = gate.pass().await;
        Err(io::Error::new(io::ErrorKind::NotFound, Missing(number)))
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(200, |_| fail(cache.clone(), gate.clone())).await;
    gate.stop.let_go(200);
    for result in join_all(calls).await {
        let error = result.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string()),
            (io::ErrorKind::NotFound, "load 1".to_owned())
        );
        let source = std::error::Error::source(&error).expect("the error of the body");
        assert!(source.is::<Missing>(), "{source:?}");
    }
    assert_eq!(gate.loads.count(), 1);
}

/// An error that is not `Clone`.
#[derive(Debug, PartialEq)]
enum NotCloneable {
    Own(usize),
    Copied(String),
}

#[tokio::test]
async fn an_error_that_is_copied_as_the_function_says_serves_all_callers() {
    fn copied(error: &NotCloneable) -> NotCloneable {
        match error {
            NotCloneable::Own(number) => NotCloneable::Copied(format!("of {number}")),
            NotCloneable::Copied(text) => NotCloneable::Copied(text.clone()),
        }
    }

    #[cachefence(key = "closure", ttl = 60, clone_error = |error: &_| copied(error), cache = cache, skip(cache, gate))]
    async fn by_closure(cache: CacheFence, gate: Gate) -> Result<u64, NotCloneable> {
        Err(NotCloneable::Own(gate.pass().await))
    }

    #[cachefence(key = "path", ttl = 60, clone_error = copied, detached, cache = cache, skip(cache, gate))]
    async fn by_path(cache: CacheFence, gate: Gate) -> Result<u64, NotCloneable> {
        Err(NotCloneable::Own(gate.pass().await))
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(50, |_| by_closure(cache.clone(), gate.clone())).await;
    gate.stop.let_go(50);
    let first: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(gate.loads.count(), 1);
    let calls = call_all(50, |_| by_path(cache.clone(), gate.clone())).await;
    gate.stop.let_go(50);
    let second: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(gate.loads.count(), 2);
    for (number, results) in [(1, first), (2, second)] {
        let own = Err(NotCloneable::Own(number));
        let copy = Err(NotCloneable::Copied(format!("of {number}")));
        let count = |result| results.iter().filter(|found| *found == result).count();
        assert_eq!((count(&own), count(&copy)), (1, 49), "who ran the body has the error itself");
    }
}

/// A handler that answers 404 asks for the type of the error.
#[tokio::test]
async fn errors_of_any_type_keep_their_type_for_every_caller() {
    type AnyError = Box<dyn std::error::Error + Send + Sync>;

    #[cachefence(key = "boxed", ttl = 60, cache = cache, skip(cache, gate))]
    async fn boxed(cache: CacheFence, gate: Gate) -> Result<u64, AnyError> {
        Err(Missing(gate.pass().await).into())
    }

    #[cachefence(key = "anyhow", ttl = 60, cache = cache, skip(cache, gate))]
    async fn any(cache: CacheFence, gate: Gate) -> anyhow::Result<u64> {
        Err(Missing(gate.pass().await))?
    }

    #[cachefence(key = "anyhow detached", ttl = 60, detached, cache = cache, skip(cache, gate))]
    async fn detached(cache: CacheFence, gate: Gate) -> anyhow::Result<u64> {
        Err(Missing(gate.pass().await))?
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(20, |_| boxed(cache.clone(), gate.clone())).await;
    gate.stop.let_go(20);
    for result in join_all(calls).await {
        assert!(result.unwrap().unwrap_err().is::<Missing>());
    }
    let calls = call_all(20, |_| any(cache.clone(), gate.clone())).await;
    gate.stop.let_go(20);
    for result in join_all(calls).await {
        assert!(result.unwrap().unwrap_err().is::<Missing>());
    }
    let calls = call_all(20, |_| detached(cache.clone(), gate.clone())).await;
    gate.stop.let_go(20);
    for result in join_all(calls).await {
        assert!(result.unwrap().unwrap_err().is::<Missing>());
    }
}

/// An error that can be given to one caller only.
#[derive(Debug, PartialEq)]
struct NotShared(usize);

#[tokio::test]
async fn of_an_error_that_cannot_be_shared_every_caller_gets_its_own() {
    #[cachefence(key = "own", ttl = 60, cache = cache, skip(cache, gate))]
    async fn fail(cache: CacheFence, gate: Gate) -> Result<u64, NotShared> {
        Err(NotShared(gate.pass().await))
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(50, |_| fail(cache.clone(), gate.clone())).await;
    gate.stop.let_go(50);
    let mut numbers: Vec<_> =
        join_all(calls).await.into_iter().map(|result| result.unwrap().unwrap_err().0).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
}

/// Callers that run a body of their own keep its result to themselves; what a later call loads is cached.
#[tokio::test]
async fn after_an_error_that_cannot_be_shared_the_key_can_be_cached() {
    #[cachefence(key = "recovers", ttl = 60, cache = cache, skip(cache, gate))]
    async fn first_fails(cache: CacheFence, gate: Gate) -> Result<usize, NotShared> {
        match gate.pass().await {
            1 => Err(NotShared(1)),
            number => Ok(number),
        }
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(10, |_| first_fails(cache.clone(), gate.clone())).await;
    gate.stop.let_go(100);
    join_all(calls).await;
    let value = first_fails(cache.clone(), gate.clone()).await.unwrap();
    assert_eq!(first_fails(cache, gate).await, Ok(value));
}

#[tokio::test]
async fn a_panic_reaches_its_own_caller_only() {
    #[cachefence(key = "panic", ttl = 60, cache = cache, skip(cache, gate))]
    async fn first_panics(cache: CacheFence, gate: Gate) -> usize {
        let number = gate.pass().await;
        assert_ne!(number, 1, "a test's own panic");
        number
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let calls = call_all(50, |_| first_panics(cache.clone(), gate.clone())).await;
    gate.stop.let_go(50);
    let mut panics = 0;
    for result in join_all(calls).await {
        match result {
            Ok(value) => assert!(value > 1),
            Err(error) if error.is_panic() => panics += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(panics, 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_keeps_nobody_waiting_for_its_lock() {
    #[cachefence(key = "lock", ttl = 60, lock_timeout = 30, cache = cache, skip(cache, gate))]
    async fn first_panics(cache: CacheFence, gate: Gate) -> usize {
        let number = gate.pass().await;
        assert_ne!(number, 1, "a test's own panic");
        number
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    gate.stop.let_go(2);
    let first = tokio::spawn(first_panics(cache.clone(), gate.clone())).await;
    assert!(first.unwrap_err().is_panic());
    let called = Instant::now();
    assert_eq!(first_panics(cache, gate).await, 2);
    assert!(called.elapsed() < Duration::from_secs(1), "{:?}", called.elapsed());
}

#[tokio::test]
async fn when_the_caller_that_runs_the_body_is_dropped_another_runs_its_own() {
    #[cachefence(key = "dropped", ttl = 60, cache = cache, skip(cache, gate))]
    async fn number(cache: CacheFence, gate: Gate) -> usize {
        gate.pass().await
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let mut calls = call_all(50, |_| number(cache.clone(), gate.clone())).await;
    calls.remove(0).abort();
    until("so many bodies have come", || gate.loads.count() == 2).await;
    gate.stop.let_go(50);
    for result in join_all(calls).await {
        assert_eq!(result.unwrap(), 2);
    }
    assert_eq!(gate.loads.count(), 2);
}

#[tokio::test]
async fn a_call_after_an_invalidation_does_not_share_the_body_before_it() {
    #[cachefence(key = "invalidated", ttl = 60, cache = cache, skip(cache, gate))]
    async fn number(cache: CacheFence, gate: Gate) -> usize {
        gate.pass().await
    }

    let (cache, gate) = (CacheFence::in_memory(), Gate::new());
    let before = call_all(1, |_| number(cache.clone(), gate.clone())).await;
    number_entry(cache.clone()).invalidate().await.unwrap();
    let after = call_all(10, |_| number(cache.clone(), gate.clone())).await;
    gate.stop.let_go(20);
    assert_eq!(join_all(before).await.pop().unwrap().unwrap(), 1);
    for result in join_all(after).await {
        assert_eq!(result.unwrap(), 2);
    }
    assert_eq!(number(cache, gate).await, 2, "what was read before is not stored");
}
