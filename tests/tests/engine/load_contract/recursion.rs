//! Loads that ask for their own keys.

use std::pin::Pin;
use std::sync::LazyLock;

use cachefence::cachefence;
use cachefence_tests::RedisServer;

use super::*;

static CACHE: LazyLock<CacheFence> = LazyLock::new(CacheFence::in_memory);

#[cachefence(key = "p:<id>", ttl = 60, cache = *CACHE, skip(depth))]
async fn profile(id: u64, depth: u32) -> u64 {
    if depth == 0 {
        return id;
    }
    tokio::spawn(boxed(3 - id, depth - 1)).await.unwrap()
}

fn boxed(id: u64, depth: u32) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(profile(id, depth))
}

/// 1 and 2 ask for each other, in tasks that the library knows nothing of.
#[tokio::test(start_paused = true)]
async fn a_circle_across_tasks_ends() {
    const DEPTH: u32 = 5;
    let begun = Instant::now();
    assert_eq!(profile(1, DEPTH).await, 2);
    assert!(begun.elapsed() <= 2 * WAIT * DEPTH, "{:?}", begun.elapsed());
}

#[cachefence(key = "d:<id>", ttl = 60, detached, cache = *CACHE, skip(depth))]
async fn detached(id: u64, depth: u32) -> u64 {
    if depth == 0 { id } else { boxed_detached(3 - id, depth - 1).await }
}

fn boxed_detached(id: u64, depth: u32) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(detached(id, depth))
}

/// The task of a detached load inherits the loads that its caller is inside of.
#[tokio::test(start_paused = true)]
async fn a_circle_of_detached_loads_ends_at_once() {
    let begun = Instant::now();
    assert_eq!(detached(1, 5).await, 2);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// Braces once made one lock of two keys.
#[tokio::test]
async fn a_key_in_braces_is_another_key() {
    let server = RedisServer::start();
    let cache = CacheFence::connect(server.url()).await.unwrap();
    let inner = cache.entry::<u32>("{user:7}").ttl(TTL);
    let outer = cache.entry::<u32>("user:7").ttl(TTL);
    let begun = std::time::Instant::now();
    let load = || async move { inner.get_or_set(|| async { Ok::<_, io::Error>(7) }).await };
    assert_eq!(outer.get_or_set(load).await.unwrap(), 7);
    assert!(begun.elapsed() < WAIT, "{:?}", begun.elapsed());
    assert_eq!(cache.stats().requests.loaded, 2);
}
