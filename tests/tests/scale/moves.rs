//! Slots move under load: no value is wrong, no invalidation is lost, and no call fails.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cachefence::{CacheFence, Redis};
use cachefence_tests::{RedisCluster, is_long, slot_of};
use tokio::task::{JoinSet, spawn_blocking};

/// How many keys there are: some hundred in the slots of each node.
const KEYS: usize = 1_000;

/// How many tasks use each of the two caches.
const TASKS: usize = 32;

/// One in so many operations of a task is a write.
const WRITES: u64 = 16;

/// The database: the version of each row, and the one that was current when its last invalidation returned.
#[derive(Default)]
struct Row {
    version: AtomicU64,
    invalidated: AtomicU64,
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    loads: AtomicU64,
    invalidations: AtomicU64,
    longest_micros: AtomicU64,
}

fn name(row: usize) -> String {
    format!("row:{row}")
}

async fn use_cache(
    cache: CacheFence,
    rows: Arc<[Row]>,
    counts: Arc<Counts>,
    over: Arc<AtomicBool>,
    seed: u64,
) {
    let mut dice = seed;
    while !over.load(Ordering::Relaxed) {
        // SplitMix64 (Steele, Lea and Flood 2014).
        dice = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = (dice ^ (dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn ^= drawn >> 27;
        let index = usize::try_from(drawn % u64::try_from(rows.len()).unwrap()).unwrap();
        let row = &rows[index];
        if (drawn >> 32).is_multiple_of(WRITES) {
            let version = row.version.fetch_add(1, Ordering::SeqCst) + 1;
            cache.invalidate(name(index)).await.expect("an invalidation");
            row.invalidated.fetch_max(version, Ordering::SeqCst);
            counts.invalidations.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let oldest = row.invalidated.load(Ordering::SeqCst);
        let load = async || {
            counts.loads.fetch_add(1, Ordering::Relaxed);
            let version = row.version.load(Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok::<_, Infallible>((index, version))
        };
        let asked = Instant::now();
        let (of, version): (usize, u64) =
            cache.get_or_set(name(index), Duration::from_secs(60), load).await.expect("a call");
        let micros = u64::try_from(asked.elapsed().as_micros()).unwrap();
        counts.longest_micros.fetch_max(micros, Ordering::Relaxed);
        counts.calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(of, index, "the value of another key");
        assert!(
            version >= oldest,
            "row {index}: {version} was read before {oldest} was invalidated"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_under_64_tasks() {
    let count: u16 = if is_long() { 10_000 } else { 1_000 };
    let cluster = Arc::new(RedisCluster::builder().replicas(0).start());
    let rows: Arc<[Row]> = (0..KEYS).map(|_| Row::default()).collect();
    let (counts, over) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
    let mut tasks = JoinSet::new();
    for worker in 0..2 {
        let cache = CacheFence::builder()
            .redis(Redis::cluster(cluster.urls()))
            .namespace("app")
            .op_timeout(Duration::from_secs(2))
            .build()
            .await
            .unwrap();
        for task in 0..TASKS {
            let (rows, counts, over) = (Arc::clone(&rows), Arc::clone(&counts), Arc::clone(&over));
            let seed = u64::try_from(worker * TASKS + task).unwrap();
            tasks.spawn(use_cache(cache.clone(), rows, counts, over, seed));
        }
    }
    // A third of the slots of each node, because one that has none left becomes a replica. Those of keys come first, so that
    // both forms move some that matter.
    let of_keys = (0..KEYS).map(|row| slot_of(format!("app:{}", name(row))));
    let (mut seen, mut slots) = (HashSet::new(), vec![Vec::new(); cluster.primaries()]);
    for slot in of_keys.chain(0..16_384).filter(|slot| seen.insert(*slot)) {
        let of_owner: &mut Vec<u16> = &mut slots[usize::from(slot) * cluster.primaries() / 16_384];
        if of_owner.len() < usize::from(count).div_ceil(cluster.primaries()) {
            of_owner.push(slot);
        }
    }
    let mover = {
        let (cluster, began) = (Arc::clone(&cluster), Instant::now());
        spawn_blocking(move || {
            // From one node after the other, as an operator moves them: nodes that take slots by turns claim them with
            // epochs of which the others have not heard yet, and may lose them again.
            for (from, slots) in slots.into_iter().enumerate() {
                let to = (from + 1) % cluster.primaries();
                for slot in slots {
                    cluster.move_slot(slot, from, to);
                }
                cluster.await_agreement();
            }
            began.elapsed()
        })
    };
    let took = mover.await;
    over.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    let took = took.expect("the slots move");
    let [calls, loads, invalidations, longest] =
        [&counts.calls, &counts.loads, &counts.invalidations, &counts.longest_micros]
            .map(|count| count.load(Ordering::Relaxed));
    println!(
        "{count} slots moved in {took:.1?} under {calls} calls, {loads} loads and {invalidations} invalidations; the \
         longest call took {:.1?}",
        Duration::from_micros(longest)
    );
    assert!(calls > 1_000 && invalidations > 100);
    assert!(loads < calls / 2, "most calls are hits");
}
