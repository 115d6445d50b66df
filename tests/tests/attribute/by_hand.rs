//! Annotated functions in a cache that is disabled, and when they are forced to load.

use std::sync::atomic::{AtomicU32, Ordering};

use cachefence::{CacheFence, cachefence, force_refresh};
use cachefence_tests::Bodies;

#[tokio::test]
async fn in_a_disabled_cache_each_call_runs_its_body() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "disabled:<id>", ttl = 60, stale_if_error = 60)]
    async fn in_the_caller(id: u64) -> Result<u32, String> {
        if id == 0 { Err("no such id".to_owned()) } else { Ok(BODIES.ran()) }
    }

    #[cachefence(key = "disabled:<id>", ttl = 60, detached)]
    async fn detached(id: &str) -> u32 {
        assert!(!id.is_empty());
        BODIES.ran()
    }
    let cache = CacheFence::disabled();
    let inside = async {
        assert_eq!(in_the_caller(1).await, Ok(1));
        assert_eq!(in_the_caller(1).await, Ok(2));
        assert_eq!(detached("1").await, 3);
        assert_eq!(detached("1").await, 4);
        in_the_caller_entry(1).set(&7).await.unwrap();
        assert_eq!(in_the_caller_entry(1).peek().await.unwrap(), None);
        assert_eq!(in_the_caller(0).await, Err("no such id".to_owned()));
    };
    cache.scope(inside).await;
    let stats = cache.stats();
    assert_eq!((stats.bypasses.disabled, stats.requests.bypassed), (5, 5));
    assert_eq!((stats.loads.not_cached, stats.loads.failed), (4, 1));
    assert_eq!(stats.troubles.total(), 0);
}

#[tokio::test]
async fn a_forced_function_loads_and_those_that_its_body_calls_do_not() {
    static INNER: Bodies = Bodies::new();
    static OUTER: Bodies = Bodies::new();

    #[cachefence(key = "inner", ttl = 60)]
    async fn inner() -> u32 {
        INNER.ran()
    }

    #[cachefence(key = "outer", ttl = 60)]
    async fn outer() -> (u32, u32) {
        (OUTER.ran(), inner().await)
    }

    #[cachefence(key = "detached", ttl = 60, detached, skip(by))]
    async fn detached(by: &AtomicByte) -> (u32, u32) {
        (OUTER.ran() + by.0.load(Ordering::Relaxed), inner().await)
    }
    let (cache, by) = (CacheFence::in_memory(), AtomicByte(AtomicU32::new(100)));
    let inside = async {
        assert_eq!(outer().await, (1, 1));
        assert_eq!(outer().await, (1, 1));
        assert_eq!(force_refresh(outer()).await, (2, 1));
        assert_eq!(outer().await, (2, 1));
        assert_eq!(force_refresh(inner()).await, 2);
        assert_eq!(detached(&by).await, (103, 2));
        assert_eq!(detached(&by).await, (103, 2));
        assert_eq!(force_refresh(detached(&by)).await, (104, 2));
        assert_eq!(detached(&by).await, (104, 2));
    };
    cache.scope(inside).await;
}

/// An argument that is copied for a task.
struct AtomicByte(AtomicU32);

impl Clone for AtomicByte {
    fn clone(&self) -> Self {
        Self(AtomicU32::new(self.0.load(Ordering::Relaxed)))
    }
}
