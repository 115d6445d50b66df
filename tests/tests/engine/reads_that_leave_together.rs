//! Reads of many keys at a time are sent as few commands, and each is given what is its own.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::RedisServer;
use tokio::task::JoinSet;
use tokio::time::timeout;

const TTL: Duration = Duration::from_secs(3_600);

/// As many callers as keys, each with a key of its own.
const CALLERS: u64 = 64;

/// So many reads go by themselves until it is known that values are small.
const UNTIL_KNOWN: u64 = 256;

struct World {
    server: RedisServer,
    cache: CacheFence,
    loads: Arc<AtomicU64>,
}

impl World {
    /// Every key is cached, with its number, and that values are small is known.
    async fn new() -> Self {
        let server = RedisServer::start();
        let cache = CacheFence::connect(server.url()).await.unwrap();
        let world = Self { server, cache, loads: Arc::default() };
        world.all_read(1 + UNTIL_KNOWN / CALLERS).await;
        assert_eq!(world.loads.swap(0, Ordering::Relaxed), CALLERS);
        world.server.reset_stats();
        world
    }

    /// Each caller reads its key so often, all of them at the same time.
    async fn all_read(&self, rounds: u64) {
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let (cache, loads) = (self.cache.clone(), Arc::clone(&self.loads));
            callers.spawn(async move {
                for _ in 0..rounds {
                    let load = || async {
                        loads.fetch_add(1, Ordering::Relaxed);
                        Ok::<_, Infallible>(number)
                    };
                    let found = cache.get_or_set(format!("k{number}"), TTL, load).await.unwrap();
                    assert_eq!(found, number);
                }
            });
        }
        callers.join_all().await;
    }

    fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// Commands that read an entry: by themselves, and together.
    fn reads(&self) -> (u64, u64) {
        (self.server.command_count("get"), self.server.command_count("mget"))
    }
}

#[tokio::test]
async fn many_at_a_time_are_few_commands() {
    const ROUNDS: u64 = 50;
    let world = World::new().await;
    world.all_read(ROUNDS).await;
    let (alone, together) = world.reads();
    assert_eq!(world.loads(), 0);
    assert!(together > 0 && alone + together <= ROUNDS * CALLERS / 4, "{alone} and {together}");
}

#[tokio::test]
async fn one_at_a_time_is_a_command_each() {
    let world = World::new().await;
    for _ in 0..100 {
        let load = || async { Ok::<u64, Infallible>(1) };
        assert_eq!(world.cache.get_or_set("k0", TTL, load).await.unwrap(), 0);
    }
    assert_eq!(world.reads(), (100, 0));
}

#[tokio::test]
async fn where_the_command_is_refused_each_goes_by_itself() {
    let world = World::new().await;
    world.server.cli(&["ACL", "SETUSER", "default", "-mget"]);
    world.all_read(20).await;
    assert_eq!(world.loads(), 0, "all are hits");
    let (alone, together) = world.reads();
    assert!(alone >= 20 * CALLERS && together <= CALLERS, "{alone} and {together}");
}

#[tokio::test]
async fn an_entry_of_another_type_is_rebuilt_and_no_other() {
    let world = World::new().await;
    for key in ["k7", "k8"] {
        world.server.cli(&["DEL", key]);
    }
    world.server.cli(&["LPUSH", "k7", "no entry"]);
    world.all_read(1).await;
    assert_eq!(world.loads(), 2);
}

#[tokio::test]
async fn large_entries_go_by_themselves() {
    let world = World::new().await;
    let large = "x".repeat(64 * 1024);
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let (cache, large) = (world.cache.clone(), large.clone());
        callers.spawn(async move {
            for _ in 0..20 {
                let load = || async { Ok::<_, Infallible>(large.clone()) };
                cache.get_or_set(format!("large{number}"), TTL, load).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    let (alone, _) = world.reads();
    assert!(alone >= 18 * CALLERS, "all but the first of each: {alone}");
}

/// Whatever else leaves with it, a read is sent after the invalidation that its caller knows of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_finds_what_was_invalidated_before_it() {
    let world = World::new().await;
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let cache = world.cache.clone();
        callers.spawn(async move {
            for round in 0..50 {
                let key = format!("k{number}");
                cache.invalidate(&key).await.unwrap();
                for _ in 0..4 {
                    let load = || async { Ok::<u64, Infallible>(round) };
                    assert_eq!(cache.get_or_set(&key, TTL, load).await.unwrap(), round);
                }
            }
        });
    }
    callers.join_all().await;
    assert!(world.reads().1 > 0);
}

/// The task that was to send them ends with its runtime; they go on elsewhere.
#[test]
fn none_waits_for_a_runtime_that_has_ended() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let world = first.block_on(World::new());
    let mut reads = Vec::new();
    for number in 0..CALLERS {
        let cache = world.cache.clone();
        reads.push(Box::pin(async move {
            let load = || async { Ok::<u64, Infallible>(u64::MAX) };
            let found = cache.get_or_set(format!("k{number}"), TTL, load).await;
            assert_eq!(found.unwrap(), number);
        }));
    }
    first.block_on(poll_fn(|cx| {
        for read in &mut reads {
            assert!(read.as_mut().poll(cx).is_pending());
        }
        Poll::Ready(())
    }));
    drop(first);
    second.block_on(async {
        for read in reads {
            timeout(Duration::from_secs(60), read).await.expect("it is served");
        }
    });
}
