//! Of the callers that wait for one read or one recompute, one decodes, and the others get clones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cachefence::{CacheFence, cachefence};
use cachefence_tests::{Op, Phase, Staged, cache_on, settle};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

const CALLERS: usize = 10;

/// A value that counts how often it is decoded.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
struct Page(String);

static PAGES: AtomicUsize = AtomicUsize::new(0);

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PAGES.fetch_add(1, Ordering::SeqCst);
        String::deserialize(deserializer).map(Self)
    }
}

/// A value that counts how often it is decoded, and cannot be cloned.
#[derive(Debug, PartialEq, Serialize)]
#[serde(transparent)]
struct Ticket(String);

static TICKETS: AtomicUsize = AtomicUsize::new(0);

impl<'de> Deserialize<'de> for Ticket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TICKETS.fetch_add(1, Ordering::SeqCst);
        String::deserialize(deserializer).map(Self)
    }
}

/// A cache, and what its bodies wait for.
struct Pages {
    staged: Arc<Staged>,
    cache: CacheFence,
    go: Semaphore,
}

impl Pages {
    fn new() -> Arc<Self> {
        let staged = Arc::new(Staged::default());
        let cache = cache_on(&staged, |builder| builder);
        Arc::new(Self { staged, cache, go: Semaphore::new(0) })
    }

    async fn text(&self) -> String {
        self.go.acquire().await.unwrap().forget();
        "text".to_owned()
    }
}

#[cachefence(key = "page", ttl = 3600, cache = pages.cache, skip(pages))]
async fn page(pages: Arc<Pages>) -> Page {
    Page(pages.text().await)
}

#[cachefence(key = "page", ttl = 3600, cache = pages.cache, skip(pages), entry = false)]
async fn fallible_page(pages: Arc<Pages>) -> Result<Page, String> {
    Ok(Page(pages.text().await))
}

#[cachefence(key = "page", ttl = 3600, cache = pages.cache, skip(pages), entry = false)]
async fn text_of_page(pages: Arc<Pages>) -> String {
    pages.text().await
}

#[cachefence(key = "ticket", ttl = 3600, cache = pages.cache, skip(pages))]
async fn ticket(pages: Arc<Pages>) -> Ticket {
    Ticket(pages.text().await)
}

fn many<F, T>(call: impl Fn() -> F) -> Vec<JoinHandle<T>>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    (0..CALLERS).map(|_| tokio::spawn(call())).collect()
}

async fn all_are<T: PartialEq + std::fmt::Debug>(calls: Vec<JoinHandle<T>>, value: T) {
    for call in calls {
        assert_eq!(call.await.unwrap(), value);
    }
}

/// Has callers come while a read is under way, and lets it come back when they all wait for the next.
macro_rules! read_together {
    ($pages:expr, $first:expr, $value:expr, $call:expr) => {{
        let pages = Arc::clone(&$pages);
        let stop = pages.staged.stop(Op::Read, Phase::Reply);
        let first = tokio::spawn($first(Arc::clone(&pages)));
        stop.reached().await;
        let reads = pages.staged.count(Op::Read);
        let others = many(|| $call(Arc::clone(&pages)));
        settle().await;
        stop.go();
        assert_eq!(first.await.unwrap(), $value);
        all_are(others, $value).await;
        assert_eq!(pages.staged.count(Op::Read), reads + 1, "one read for all the others");
    }};
}

/// One test for all, since the counts are of the process.
#[tokio::test(start_paused = true)]
async fn one_decodes_where_the_others_can_clone() {
    let text = || "text".to_owned();

    let pages = Pages::new();
    let calls = many(|| page(Arc::clone(&pages)));
    settle().await;
    pages.go.add_permits(1);
    all_are(calls, Page(text())).await;
    assert_eq!(PAGES.swap(0, Ordering::SeqCst), 1, "to verify it; the others are given clones");

    read_together!(pages, page, Page(text()), page);
    assert_eq!(PAGES.swap(0, Ordering::SeqCst), 2, "the first, and one of the others");

    let pages = Pages::new();
    let calls = many(|| fallible_page(Arc::clone(&pages)));
    settle().await;
    pages.go.add_permits(1);
    all_are(calls, Ok(Page(text()))).await;
    assert_eq!(PAGES.swap(0, Ordering::SeqCst), 1);

    read_together!(pages, fallible_page, Ok(Page(text())), fallible_page);
    assert_eq!(PAGES.swap(0, Ordering::SeqCst), 2);

    let pages = Pages::new();
    let calls = many(|| ticket(Arc::clone(&pages)));
    settle().await;
    pages.go.add_permits(1);
    all_are(calls, Ticket(text())).await;
    assert_eq!(TICKETS.swap(0, Ordering::SeqCst), CALLERS, "to verify it, and each for itself");

    a_hit_in_memory_is_decoded_once().await;
    another_type_on_the_same_key_decodes_for_itself().await;
}

async fn a_hit_in_memory_is_decoded_once() {
    let (cache, go) = (CacheFence::in_memory(), Semaphore::new(1));
    let pages = Arc::new(Pages { staged: Arc::default(), cache, go });
    for _ in 0..2 {
        assert_eq!(page(Arc::clone(&pages)).await, Page("text".to_owned()));
    }
    assert_eq!(PAGES.swap(0, Ordering::SeqCst), 2, "once to verify it, and once for the hit");
}

async fn another_type_on_the_same_key_decodes_for_itself() {
    let pages = Pages::new();
    pages.go.add_permits(1);
    text_of_page(Arc::clone(&pages)).await;
    let stop = pages.staged.stop(Op::Read, Phase::Reply);
    let first = tokio::spawn(text_of_page(Arc::clone(&pages)));
    stop.reached().await;
    let fallible = many(|| fallible_page(Arc::clone(&pages)));
    let texts = many(|| text_of_page(Arc::clone(&pages)));
    settle().await;
    stop.go();
    assert_eq!(first.await.unwrap(), "text");
    all_are(fallible, Ok(Page("text".to_owned()))).await;
    all_are(texts, "text".to_owned()).await;
}
