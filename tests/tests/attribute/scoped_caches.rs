//! `CacheFence::scope`: the default cache of functions and companions inside one future.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use cachefence::{CacheFence, cachefence};
use cachefence_tests::{Bodies, Stop, settle};
use tokio::task::yield_now;

/// Stands for a database.
#[derive(Clone, Default)]
struct Db(Arc<AtomicU32>);

impl Db {
    fn of(number: u32) -> Self {
        Self(Arc::new(AtomicU32::new(number)))
    }
}

#[cachefence(key = "scoped:<id>", ttl = 60, skip(db))]
async fn number(db: &Db, id: u64) -> u32 {
    yield_now().await;
    db.0.load(Ordering::SeqCst) + u32::try_from(id).unwrap()
}

async fn peek(id: u64) -> Option<u32> {
    number_entry(id).peek().await.unwrap()
}

/// What the cache holds of [`number`].
async fn held(cache: &CacheFence, id: u64) -> Option<u32> {
    cache.entry(format!("scoped:{id}")).peek().await.unwrap()
}

#[tokio::test]
async fn a_function_and_its_companion_use_the_cache_of_the_scope() {
    let cache = CacheFence::in_memory();
    let inside = async {
        assert_eq!(number(&Db::of(10), 1).await, 11);
        assert_eq!(number(&Db::of(20), 1).await, 11, "a hit");
        assert_eq!(peek(1).await, Some(11));
        number_entry(2).set(&7).await.unwrap();
    };
    cache.scope(inside).await;
    assert_eq!((held(&cache, 1).await, held(&cache, 2).await), (Some(11), Some(7)));
    assert_eq!((peek(1).await, peek(2).await), (None, None), "outside it is another cache");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_scopes_at_a_time_never_see_each_other() {
    let test = |number_of_db| async move {
        let db = Db::of(number_of_db);
        for id in 0..200 {
            assert_eq!(number(&db, id % 20).await, number_of_db + u32::try_from(id % 20).unwrap());
            yield_now().await;
        }
    };
    let tests: Vec<_> = (0..8)
        .map(|test_number| {
            let cache = CacheFence::in_memory();
            tokio::spawn(async move { cache.scope(test(test_number * 1_000)).await })
        })
        .collect();
    for test in tests {
        test.await.unwrap();
    }
}

#[tokio::test]
async fn the_scope_is_there_only_while_its_future_is_polled() {
    let (one, other) = (CacheFence::in_memory(), CacheFence::in_memory());
    let fill = |number_of_db| async move {
        for id in 0..10 {
            number(&Db::of(number_of_db), id).await; // each yields to the other
        }
    };
    tokio::join!(one.scope(fill(100)), other.scope(fill(200)), fill_outside());
    for id in 0..10 {
        let id_of_u32 = u32::try_from(id).unwrap();
        assert_eq!(held(&one, id).await, Some(100 + id_of_u32));
        assert_eq!(held(&other, id).await, Some(200 + id_of_u32));
    }
    assert_eq!(peek(1_000).await, Some(1_300));
}

async fn fill_outside() {
    for _ in 0..10 {
        assert_eq!(number(&Db::of(300), 1_000).await, 1_300);
        yield_now().await;
    }
}

#[tokio::test]
async fn of_nested_scopes_the_inner_one_counts_and_the_outer_one_is_back_after_it() {
    let (outer, inner) = (CacheFence::in_memory(), CacheFence::in_memory());
    let all = async {
        inner.scope(number(&Db::of(10), 1)).await;
        number(&Db::of(20), 2).await;
    };
    outer.scope(all).await;
    assert_eq!((held(&inner, 1).await, held(&inner, 2).await), (Some(11), None));
    assert_eq!((held(&outer, 1).await, held(&outer, 2).await), (None, Some(22)));
}

#[tokio::test]
async fn a_body_is_inside_the_scope_of_its_call() {
    #[cachefence(key = "scoped:outer:<id>", ttl = 60, skip(db))]
    async fn outer(db: &Db, id: u64) -> u32 {
        number(db, id).await
    }
    let cache = CacheFence::in_memory();
    assert_eq!(cache.scope(outer(&Db::of(10), 3)).await, 13);
    assert_eq!(held(&cache, 3).await, Some(13));
}

#[tokio::test]
async fn a_task_that_is_spawned_inside_is_outside() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "scoped:spawned", ttl = 60)]
    async fn spawned() -> u32 {
        BODIES.ran()
    }
    let cache = CacheFence::in_memory();
    let inside = async { (spawned().await, tokio::spawn(spawned()).await.unwrap()) };
    assert_eq!(cache.scope(inside).await, (1, 2));
    assert_eq!(spawned().await, 2, "it was cached outside");
    let again = cache.clone();
    let given = tokio::spawn(async move { again.scope(spawned()).await });
    assert_eq!(given.await.unwrap(), 1, "unless it is given the scope");
}

#[tokio::test]
async fn a_detached_load_is_inside_and_outlives_the_scope() {
    #[cachefence(key = "scoped:detached:<id>", ttl = 60, detached, skip(db, stop))]
    async fn detached(db: &Db, stop: &Arc<Stop>, id: u64) -> u32 {
        stop.pass().await;
        number(db, id).await
    }
    let (cache, db, stop) = (CacheFence::in_memory(), Db::of(10), Stop::new());
    let call = {
        let (cache, stop) = (cache.clone(), Arc::clone(&stop));
        tokio::spawn(async move { cache.scope(detached(&db, &stop, 4)).await })
    };
    stop.reached().await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    stop.go();
    settle().await;
    assert_eq!(held(&cache, 4).await, Some(14), "what the body has called was cached inside");
    assert_eq!(cache.entry("scoped:detached:4").peek().await.unwrap(), Some(14));
    assert_eq!(peek(4).await, None);
}

#[tokio::test]
async fn a_function_that_names_its_cache_uses_that_one() {
    #[cachefence(key = "scoped:named", ttl = 60, cache = cache, skip(cache))]
    async fn named(cache: &CacheFence) -> u32 {
        1
    }
    let (scoped, own) = (CacheFence::in_memory(), CacheFence::in_memory());
    scoped.scope(named(&own)).await;
    assert_eq!(scoped.entry::<u32>("scoped:named").peek().await.unwrap(), None);
    assert_eq!(own.entry("scoped:named").peek().await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_panic_leaves_nothing_of_a_scope_behind() {
    let cache = CacheFence::in_memory();
    let inside = {
        let cache = cache.clone();
        async move { cache.scope(async { panic!("on purpose") }).await }
    };
    assert!(tokio::spawn(inside).await.unwrap_err().is_panic());
    number(&Db::of(10), 5_000).await; // on the same thread
    assert_eq!(held(&cache, 5_000).await, None);
}

#[tokio::test]
async fn the_cache_of_a_scope_is_let_go_with_it() {
    let cache = CacheFence::in_memory();
    let kept = Arc::new(());
    let observed = Arc::clone(&kept);
    let cache_that_observes = CacheFence::builder()
        .in_memory()
        .observe(move |_: &cachefence::Event<'_>| {
            let _ = &observed;
        })
        .build_lazy()
        .unwrap();
    cache.scope(cache_that_observes.scope(number(&Db::of(1), 6))).await;
    drop(cache_that_observes);
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[test]
fn what_is_in_a_scope_is_as_send_as_its_future() {
    fn is_send(_: &impl Send) {}
    let cache = CacheFence::in_memory();
    is_send(&cache.scope(number(&Db::default(), 1)));
    let not_send = cache.scope(std::future::poll_fn(|_| Poll::Ready(std::rc::Rc::new(1))));
    drop(not_send);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_begun_stays_with_its_cache() {
    #[cachefence(key = "scoped:begun", ttl = 60, skip(stop))]
    async fn slow(stop: &Stop) -> u32 {
        stop.pass().await;
        1
    }
    let (cache, stop) = (CacheFence::in_memory(), Stop::new());
    let mut call = Box::pin(slow(&stop));
    let begin = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
    assert!(cache.scope(begin).await);
    stop.go();
    let later = tokio::time::timeout(Duration::from_secs(10), call).await;
    assert_eq!(later.unwrap(), 1, "it is polled outside from here on");
    assert_eq!(cache.entry("scoped:begun").peek().await.unwrap(), Some(1));
}
