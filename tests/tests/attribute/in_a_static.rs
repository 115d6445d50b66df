//! A cache in a static outlives the runtimes that use it: each of these tests has its own.
//!
//! All of them share one real Redis and one cache, which connects when it is first called.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Barrier, LazyLock};
use std::task::Poll;
use std::thread;

use cachefence::{CacheFence, cachefence};
use cachefence_tests::{Bodies, DEADLINE, RedisServer, namespace};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;

static SERVER: LazyLock<RedisServer> = LazyLock::new(RedisServer::start);

static CACHE: LazyLock<CacheFence> = LazyLock::new(|| {
    let cache = CacheFence::builder().redis(SERVER.url()).namespace(namespace()).build_lazy();
    cache.expect("the options are constants")
});

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs a future on a runtime, up to the deadline.
fn run<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    runtime.block_on(async { timeout(DEADLINE, future).await.expect("the call never returns") })
}

/// Polls a future that is not ready yet, once.
async fn poll_once(mut future: Pin<&mut impl Future>) {
    let pending = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
    assert!(pending, "there is something to wait for");
}

mod in_several_tests {
    use super::*;

    static BODIES: Bodies = Bodies::new();
    static SHARED: Bodies = Bodies::new();

    #[cachefence(key = "several:<id>", ttl = 60, cache = CACHE)]
    async fn number(id: &str) -> (String, u32) {
        (id.to_owned(), BODIES.ran())
    }

    #[cachefence(key = "all", ttl = 60, cache = CACHE)]
    async fn shared() -> u32 {
        SHARED.ran()
    }

    /// Each test uses an entry of its own, and one that all of them share.
    async fn use_it(own: &str) {
        let (name, body) = number(own).await;
        assert_eq!(name, own);
        assert_eq!(number(own).await, (name, body), "the second call is a hit");
        assert_eq!(shared().await, 1, "whichever test was first");
    }

    #[tokio::test]
    async fn it_works_in_a_test() {
        use_it("one").await;
    }

    #[tokio::test]
    async fn it_works_in_another_test() {
        use_it("another").await;
    }

    #[tokio::test]
    async fn it_works_in_a_third_test() {
        use_it("third").await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_works_in_a_test_on_several_threads() {
        use_it("threads").await;
        tokio::spawn(use_it("spawned")).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_works_in_another_test_on_several_threads() {
        use_it("more threads").await;
        tokio::spawn(use_it("more spawned")).await.unwrap();
    }
}

#[test]
fn one_runtime_after_the_other_is_served() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "sequence", ttl = 60, cache = CACHE)]
    async fn number() -> u32 {
        BODIES.ran()
    }

    for _ in 0..5 {
        assert_eq!(run(&runtime(), number()), 1);
    }
}

#[test]
fn what_one_runtime_invalidates_another_recomputes() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "invalidated", ttl = 60, cache = CACHE)]
    async fn number() -> u32 {
        BODIES.ran()
    }

    assert_eq!(run(&runtime(), number()), 1);
    run(&runtime(), number_entry().invalidate()).unwrap();
    assert_eq!(run(&runtime(), number()), 2);
}

#[test]
fn runtimes_in_parallel_share_one_body() {
    const RUNTIMES: usize = 8;
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "parallel", ttl = 60, cache = CACHE)]
    async fn number() -> u32 {
        tokio::task::yield_now().await;
        BODIES.ran()
    }

    let ready = Barrier::new(RUNTIMES);
    thread::scope(|scope| {
        for _ in 0..RUNTIMES {
            scope.spawn(|| {
                let runtime = runtime();
                ready.wait();
                assert_eq!(run(&runtime, number()), 1);
            });
        }
    });
    assert_eq!(BODIES.count(), 1);
}

/// Nobody drives its connection then.
#[test]
fn a_runtime_that_is_idle_keeps_no_other_waiting() {
    #[cachefence(key = "idle:<id>", ttl = 60, cache = CACHE)]
    async fn number(id: u32) -> u32 {
        id
    }

    let (idle, other) = (runtime(), runtime());
    assert_eq!(run(&idle, number(1)), 1);
    assert_eq!(run(&other, number(1)), 1);
    assert_eq!(run(&other, number(2)), 2);
    assert_eq!(run(&idle, number(2)), 2);
}

#[test]
fn when_the_runtime_that_runs_the_body_ends_another_goes_on() {
    static BODIES: Bodies = Bodies::new();
    static BEGUN: Notify = Notify::const_new();

    #[cachefence(key = "ended", ttl = 60, cache = CACHE)]
    async fn number() -> u32 {
        let body = BODIES.ran();
        BEGUN.notify_one();
        if body == 1 {
            std::future::pending::<()>().await;
        }
        body
    }

    let (doomed, other) = (runtime(), runtime());
    doomed.spawn(number());
    run(&doomed, BEGUN.notified());
    other.block_on(async {
        let mut call = pin!(number());
        poll_once(call.as_mut()).await;
        doomed.shutdown_background();
        assert_eq!(timeout(DEADLINE, call).await.expect("the call is stranded"), 2);
    });
}

/// Such as the branch of a `select!` that lost, held for later.
#[tokio::test]
async fn a_call_that_is_not_polled_any_more_keeps_no_other_waiting() {
    #[cachefence(key = "parked:<id>", ttl = 60, wait_for_lock = 0.1, cache = CACHE)]
    async fn number(id: u32) -> u32 {
        id
    }

    assert_eq!(number(1).await, 1, "connected");
    let mut parked = pin!(number(2));
    poll_once(parked.as_mut()).await;
    let other = timeout(DEADLINE, number(2)).await;
    assert_eq!(other.expect("the call never returns"), 2);
    assert_eq!(parked.await, 2);
}
