//! Of the callers that wait for one read or one recompute, one decodes, and the others get clones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cachefence::{CacheFence, cachefence};
use cachefence_tests::{Network, Op, Phase, Staged};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};

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

/// The same, for which there is no `Clone`.
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

/// A cache, and what its recomputes wait for.
struct World {
    staged: Arc<Staged>,
    cache: CacheFence,
    go: Semaphore,
}

impl World {
    fn new() -> Arc<Self> {
        let staged = Arc::new(Staged::default());
        let builder = CacheFence::builder().store(Network(Arc::clone(&staged))).beta(0.0);
        let cache = builder.build_lazy().unwrap();
        Arc::new(Self { staged, cache, go: Semaphore::new(0) })
    }

    async fn text(&self) -> String {
        self.go.acquire().await.unwrap().forget();
        "text".to_owned()
    }
}

#[cachefence(key = "page", ttl = 3600, cache = world.cache, skip(world))]
async fn page(world: Arc<World>) -> Page {
    Page(world.text().await)
}

#[cachefence(key = "page", ttl = 3600, cache = world.cache, skip(world), entry = false)]
async fn fallible_page(world: Arc<World>) -> Result<Page, String> {
    Ok(Page(world.text().await))
}

#[cachefence(key = "page", ttl = 3600, cache = world.cache, skip(world), entry = false)]
async fn text_of_page(world: Arc<World>) -> String {
    world.text().await
}

#[cachefence(key = "ticket", ttl = 3600, cache = world.cache, skip(world))]
async fn ticket(world: Arc<World>) -> Ticket {
    Ticket(world.text().await)
}

fn many<F, T>(call: impl Fn() -> F) -> Vec<JoinHandle<T>>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    (0..CALLERS).map(|_| tokio::spawn(call())).collect()
}

async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

async fn all_are<T: PartialEq + std::fmt::Debug>(calls: Vec<JoinHandle<T>>, value: T) {
    for call in calls {
        assert_eq!(call.await.unwrap(), value);
    }
}

/// Has callers come while a read is under way, and lets it come back when they all wait for the next.
macro_rules! read_together {
    ($world:expr, $first:expr, $value:expr, $call:expr) => {{
        let world = Arc::clone(&$world);
        let stop = world.staged.stop(Op::Read, Phase::Reply);
        let first = tokio::spawn($first(Arc::clone(&world)));
        stop.reached().await;
        let reads = world.staged.count(Op::Read);
        let others = many(|| $call(Arc::clone(&world)));
        settle().await;
        stop.go();
        assert_eq!(first.await.unwrap(), $value);
        all_are(others, $value).await;
        assert_eq!(world.staged.count(Op::Read), reads + 1, "one read for all the others");
    }};
}

/// One test for all, since the counts are of the process.
#[tokio::test(start_paused = true)]
async fn one_decodes_where_the_others_can_clone() {
    let text = || "text".to_owned();

    let world = World::new();
    let calls = many(|| page(Arc::clone(&world)));
    settle().await;
    world.go.add_permits(1);
    all_are(calls, Page(text())).await;
    assert_eq!(PAGES.swap(0, Ordering::SeqCst), 1, "whoever ran the body has the value");

    read_together!(world, page, Page(text()), page);
    assert_eq!(PAGES.swap(0, Ordering::SeqCst), 2, "the first, and one of the others");

    let world = World::new();
    let calls = many(|| fallible_page(Arc::clone(&world)));
    settle().await;
    world.go.add_permits(1);
    all_are(calls, Ok(Page(text()))).await;
    assert_eq!(PAGES.swap(0, Ordering::SeqCst), 1);

    read_together!(world, fallible_page, Ok(Page(text())), fallible_page);
    assert_eq!(PAGES.swap(0, Ordering::SeqCst), 2);

    let world = World::new();
    let calls = many(|| ticket(Arc::clone(&world)));
    settle().await;
    world.go.add_permits(1);
    all_are(calls, Ticket(text())).await;
    assert_eq!(TICKETS.swap(0, Ordering::SeqCst), CALLERS - 1, "each for itself");

    another_type_on_the_same_key_decodes_for_itself().await;
}

async fn another_type_on_the_same_key_decodes_for_itself() {
    let world = World::new();
    world.go.add_permits(1);
    text_of_page(Arc::clone(&world)).await;
    let stop = world.staged.stop(Op::Read, Phase::Reply);
    let first = tokio::spawn(text_of_page(Arc::clone(&world)));
    stop.reached().await;
    let pages = many(|| fallible_page(Arc::clone(&world)));
    let texts = many(|| text_of_page(Arc::clone(&world)));
    settle().await;
    stop.go();
    assert_eq!(first.await.unwrap(), "text");
    all_are(pages, Ok(Page("text".to_owned()))).await;
    all_are(texts, "text".to_owned()).await;
}
