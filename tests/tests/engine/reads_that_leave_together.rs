//! Reads of many keys at a time are sent as few commands, and each is given what is its own.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::task::Poll;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::{DEADLINE, Loads, RedisServer, USER};
use tokio::task::JoinSet;
use tokio::time::timeout;

const TTL: Duration = Duration::from_secs(3_600);

/// As many callers as keys, each with a key of its own.
const CALLERS: u64 = 64;

/// How many reads go by themselves before the store takes values for small.
const UNTIL_KNOWN: u64 = 256;

/// A server on which every key is cached, and callers that each read a key of their own.
struct Readers {
    server: RedisServer,
    cache: CacheFence,
    loads: Loads,
}

impl Readers {
    /// Every key is cached, with its number, and the store takes values for small.
    async fn new() -> Self {
        let server = RedisServer::start();
        let cache = server.cache().await;
        let readers = Self { server, cache, loads: Loads::default() };
        readers.all_read(1 + UNTIL_KNOWN / CALLERS).await;
        assert_eq!(readers.loads(), 0, "all are cached");
        readers.server.reset_stats();
        readers
    }

    /// Each caller reads its key so often, all of them at the same time.
    async fn all_read(&self, rounds: u64) {
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let (cache, loads) = (self.cache.clone(), self.loads.clone());
            callers.spawn(async move {
                for _ in 0..rounds {
                    let load = || async {
                        let _running = loads.begin();
                        Ok::<_, Infallible>(number)
                    };
                    let found = cache.get_or_set(format!("k{number}"), TTL, load).await.unwrap();
                    assert_eq!(found, number);
                }
            });
        }
        callers.join_all().await;
    }

    /// How many loads there have been besides the first of each key.
    fn loads(&self) -> usize {
        self.loads.count() - usize::try_from(CALLERS).unwrap()
    }

    /// Commands that read an entry: by themselves, and together.
    fn reads(&self) -> (u64, u64) {
        (self.server.command_count("get"), self.server.command_count("mget"))
    }
}

#[tokio::test]
async fn many_at_a_time_are_few_commands() {
    const ROUNDS: u64 = 50;
    let readers = Readers::new().await;
    readers.all_read(ROUNDS).await;
    let (alone, together) = readers.reads();
    assert_eq!(readers.loads(), 0);
    assert!(together > 0 && alone + together <= ROUNDS * CALLERS / 4, "{alone} and {together}");
}

#[tokio::test]
async fn one_at_a_time_is_a_command_each() {
    let readers = Readers::new().await;
    for _ in 0..100 {
        let load = || async { Ok::<u64, Infallible>(1) };
        assert_eq!(readers.cache.get_or_set("k0", TTL, load).await.unwrap(), 0);
    }
    assert_eq!(readers.reads(), (100, 0));
}

#[tokio::test]
async fn where_the_command_is_refused_each_goes_by_itself() {
    let readers = Readers::new().await;
    readers.server.cli(&["ACL", "SETUSER", USER, "-mget"]);
    readers.all_read(20).await;
    assert_eq!(readers.loads(), 0, "all are hits");
    let (alone, together) = readers.reads();
    assert!(alone >= 20 * CALLERS && together <= CALLERS, "{alone} and {together}");
}

#[tokio::test]
async fn an_entry_of_another_type_is_loaded_and_no_other() {
    let readers = Readers::new().await;
    for key in ["k7", "k8"] {
        readers.server.cli(&["DEL", key]);
    }
    readers.server.cli(&["LPUSH", "k7", "no entry"]);
    readers.all_read(1).await;
    assert_eq!(readers.loads(), 2);
}

#[tokio::test]
async fn large_entries_go_by_themselves() {
    let readers = Readers::new().await;
    let large = "x".repeat(64 * 1024);
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let (cache, large) = (readers.cache.clone(), large.clone());
        callers.spawn(async move {
            for _ in 0..20 {
                let load = || async { Ok::<_, Infallible>(large.clone()) };
                cache.get_or_set(format!("large{number}"), TTL, load).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    let (alone, _) = readers.reads();
    // A caller's first read finds nothing, and its second one may be among the first large ones that gather. The scripts
    // of a load read by `MGET`.
    assert!(alone >= 18 * CALLERS, "{alone}");
}

/// Whatever else leaves with it, a read is sent after the invalidation that its caller knows of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_finds_what_was_invalidated_before_it() {
    let readers = Readers::new().await;
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let cache = readers.cache.clone();
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
    assert!(readers.reads().1 > 0);
}

/// The task that was to send them ends with its runtime; they go on elsewhere.
#[test]
fn none_waits_for_a_runtime_that_has_ended() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let readers = first.block_on(Readers::new());
    let mut reads = Vec::new();
    for number in 0..CALLERS {
        let cache = readers.cache.clone();
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
            timeout(DEADLINE, read).await.expect("it is served");
        }
    });
}
