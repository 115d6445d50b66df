//! `invalidate_eventually`: what could not be removed now is removed as soon as it can be, and is not
//! served until then.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use cachefence::{CacheFence, Error, cachefence};
use cachefence_tests::{Op, Phase, Staged, cache_on};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::yield_now;
use tokio::time::sleep;

const TTL: Duration = Duration::from_secs(3_600);

/// Longer than the longest pause between two tries.
const LATER: Duration = Duration::from_secs(2);

fn cache(staged: &Arc<Staged>) -> CacheFence {
    cache_on(staged, |builder| builder)
}

fn load(value: u32) -> Ready<Result<u32, std::io::Error>> {
    ready(Ok(value))
}

async fn peek(cache: &CacheFence) -> Result<Option<u32>, Error> {
    cache.entry("k").peek().await
}

#[tokio::test(start_paused = true)]
async fn one_that_the_store_takes_is_done() {
    let staged = Arc::new(Staged::default());
    let cache = cache(&staged);
    cache.get_or_set("k", TTL, || load(1)).await.unwrap();
    assert!(cache.invalidate_eventually("k").await.unwrap());
    assert_eq!(peek(&cache).await.unwrap(), None);
    sleep(LATER).await;
    assert_eq!(staged.count(Op::Invalidate), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_by_a_string_is_owed_by_the_template() {
    #[cachefence(key = "user:<id>", ttl = 3600, cache = cache, skip(cache, name))]
    async fn user(cache: &CacheFence, id: u32, name: &str) -> String {
        name.to_owned()
    }

    let staged = Arc::new(Staged::default());
    let cache = cache(&staged);
    assert_eq!(user(&cache, 42, "ann").await, "ann");
    staged.refuse(Op::Invalidate);
    assert!(!cache.invalidate_eventually("user:42").await.unwrap());
    assert_eq!(user(&cache, 42, "anna").await, "anna", "what is there is void");
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_made_up_for() {
    let staged = Arc::new(Staged::default());
    let (ours, theirs) = (cache(&staged), cache(&staged));
    // More than once: the task that pays ends, and is started again.
    for round in 1..=3 {
        ours.get_or_set("k", TTL, || load(1)).await.unwrap();
        staged.refuse(Op::Invalidate);
        assert!(!ours.invalidate_eventually("k").await.unwrap());
        assert!(matches!(peek(&ours).await, Err(Error::Store(_))), "what is there is void");
        assert_eq!(ours.get_or_set("k", TTL, || load(2)).await.unwrap(), 2);
        assert_eq!(peek(&theirs).await.unwrap(), Some(1), "they cannot know");

        staged.accept(Op::Invalidate);
        sleep(LATER).await;
        assert_eq!(peek(&theirs).await.unwrap(), None, "round {round}");
        assert_eq!(peek(&ours).await.unwrap(), None, "it reads again");
        let tries = staged.count(Op::Invalidate);
        sleep(LATER).await;
        assert_eq!(staged.count(Op::Invalidate), tries, "nothing is owed any more");
    }
}

#[test]
fn the_metric_is_how_many_are_owed() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let metric = || {
        let text = recorder.handle().render();
        let lines =
            text.lines().filter(|line| line.starts_with("cachefence_pending_invalidations"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let test = async {
        let staged = Arc::new(Staged::default());
        let cache = cache_on(&staged, |builder| builder.name("users"));
        let of =
            |count: u32| [format!("cachefence_pending_invalidations{{cache=\"users\"}} {count}")];
        assert_eq!(metric(), of(0));
        staged.refuse(Op::Invalidate);
        for key in ["a", "b", "a"] {
            assert!(!cache.invalidate_eventually(key).await.unwrap());
        }
        assert_eq!(metric(), of(2));
        staged.accept(Op::Invalidate);
        cache.invalidate("a").await.unwrap();
        assert_eq!(metric(), of(1));
        sleep(LATER).await;
        assert_eq!(metric(), of(0));

        staged.refuse(Op::Invalidate);
        assert!(!cache.invalidate_eventually("a").await.unwrap());
        assert_eq!(metric(), of(1));
        drop(cache);
        sleep(LATER).await; // the task that retries ends
        assert_eq!(metric(), of(0));
    };
    metrics::with_local_recorder(&recorder, || runtime.block_on(test));
}

#[tokio::test(start_paused = true)]
async fn other_keys_are_read_as_ever() {
    let staged = Arc::new(Staged::default());
    let cache = cache(&staged);
    cache.get_or_set("other", TTL, || load(1)).await.unwrap();
    staged.refuse(Op::Invalidate);
    assert!(!cache.invalidate_eventually("k").await.unwrap());
    assert_eq!(cache.get_or_set("other", TTL, || load(2)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn pauses_between_tries_grow_to_a_second() {
    let staged = Arc::new(Staged::default());
    let cache = cache(&staged);
    staged.refuse(Op::Invalidate);
    for key in ["a", "b", "c"] {
        assert!(!cache.invalidate_eventually(key).await.unwrap());
    }
    // The calls themselves; then one key is tried for all, at once and after each pause.
    sleep(Duration::from_millis(50)).await;
    assert_eq!(staged.count(Op::Invalidate), 3 + 1);
    for (tries, pause) in (2..).zip([100, 200, 400, 800, 1_000, 1_000]) {
        sleep(Duration::from_millis(pause)).await;
        assert_eq!(staged.count(Op::Invalidate), 3 + tries, "after {pause} ms more");
    }
    staged.accept(Op::Invalidate);
    sleep(LATER).await;
    assert_eq!(staged.count(Op::Invalidate), 3 + 7 + 3, "and each when it works again");
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_pays_nothing() {
    let staged = Arc::new(Staged::default());
    let cache = cache(&staged);
    staged.refuse(Op::Invalidate);
    cache.invalidate_eventually("k").await.unwrap();
    staged.accept(Op::Invalidate);
    let stop = staged.stop(Op::Invalidate, Phase::Reply);
    let earlier = tokio::spawn({
        let cache = cache.clone();
        async move { cache.invalidate("k").await }
    });
    stop.reached().await; // it has removed what was there; the reply is on its way
    staged.refuse(Op::Invalidate);
    assert!(!cache.invalidate_eventually("k").await.unwrap());
    stop.go();
    while !earlier.is_finished() {
        yield_now().await;
    }
    earlier.await.unwrap().unwrap();
    assert!(matches!(peek(&cache).await, Err(Error::Store(_))), "the later one is still owed");
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// A cache that owes an invalidation of `k`, and whose runtime is gone.
fn owing_after_its_runtime() -> (Arc<Staged>, CacheFence) {
    let staged = Arc::new(Staged::default());
    let cache = cache(&staged);
    staged.refuse(Op::Invalidate);
    let first = runtime();
    assert!(!first.block_on(cache.invalidate_eventually("k")).unwrap());
    first.block_on(async { sleep(LATER).await });
    (staged, cache)
}

#[test]
fn a_runtime_that_ends_takes_no_later_debt_with_it() {
    let (staged, cache) = owing_after_its_runtime();
    runtime().block_on(async {
        assert!(!cache.invalidate_eventually("other").await.unwrap());
        staged.accept(Op::Invalidate);
        sleep(LATER).await;
        assert_eq!(peek(&cache).await.unwrap(), None);
        assert_eq!(cache.entry::<u32>("other").peek().await.unwrap(), None);
    });
}

#[test]
fn a_runtime_that_ends_leaves_its_debts_to_the_next_reader() {
    let (staged, cache) = owing_after_its_runtime();
    staged.accept(Op::Invalidate);
    runtime().block_on(async {
        assert_eq!(cache.get_or_set("k", TTL, || load(2)).await.unwrap(), 2);
        sleep(LATER).await;
        assert_eq!(peek(&cache).await.unwrap(), None);
    });
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_paid_keeps_no_other_from_it() {
    let staged = Arc::new(Staged::default());
    let cache = cache(&staged);
    staged.refuse(Op::Invalidate);
    for key in ["never", "a", "b"] {
        assert!(!cache.invalidate_eventually(key).await.unwrap());
    }
    staged.forbid("never");
    staged.accept(Op::Invalidate);
    sleep(LATER).await;
    for key in ["a", "b"] {
        assert_eq!(cache.entry::<u32>(key).peek().await.unwrap(), None);
    }
    assert!(matches!(cache.entry::<u32>("never").peek().await, Err(Error::Store(_))));
}

/// A try that the store does not answer is replaced when a reader comes, and does not go on for ever beside the next.
#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_does_not_gather_tasks() {
    /// How long the store is waited for.
    const LONGEST_TRY: Duration = Duration::from_secs(60);
    let staged = Arc::new(Staged::default());
    let cache = cache(&staged);
    staged.refuse(Op::Invalidate);
    assert!(!cache.invalidate_eventually("k").await.unwrap());
    staged.accept(Op::Invalidate);
    staged.fall_silent();
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let mut most = 0;
    for _ in 0..1_000 {
        sleep(LATER).await;
        peek(&cache).await.unwrap_err();
        most = tasks().max(most);
    }
    // A new one begins with every second reader at most, and there is the one that rings alarms.
    let tries = usize::try_from(LONGEST_TRY.as_secs() / LATER.as_secs()).unwrap() / 2;
    assert!((2..=2 + tries).contains(&most), "{most} tasks");
}
