//! Many keys at a time: each node is sent its own, at once, and each caller is given what is its own.

use std::convert::Infallible;
use std::time::Duration;

use cachefence::{CacheFence, Redis};
use cachefence_tests::{DEADLINE, RedisCluster, until};
use tokio::task::JoinSet;

const TTL: Duration = Duration::from_secs(3_600);

/// A cache on a cluster that gives an operation a minute.
async fn patient(cluster: &RedisCluster) -> CacheFence {
    let builder = CacheFence::builder().redis(Redis::cluster(cluster.urls())).op_timeout(DEADLINE);
    builder.beta(0.0).build().await.unwrap()
}

async fn get(cache: &CacheFence, key: u64) -> u64 {
    let load = || async { Ok::<_, Infallible>(key) };
    cache.get_or_set(format!("k{key}"), TTL, load).await.unwrap()
}

/// Has the keys up to `count` cached.
async fn fill(cache: &CacheFence, count: u64) {
    let mut tasks = JoinSet::new();
    for task in 0..32 {
        let cache = cache.clone();
        tasks.spawn(async move {
            for key in (task..count).step_by(32) {
                assert_eq!(get(&cache, key).await, key);
            }
        });
    }
    tasks.join_all().await;
}

fn names(count: u64) -> Vec<String> {
    (0..count).map(|key| format!("k{key}")).collect()
}

/// How many entries each node holds.
fn entries(cluster: &RedisCluster) -> Vec<usize> {
    cluster.nodes().map(|node| node.scan_keys().len()).collect()
}

/// How often the nodes have read from their connections.
fn reads(cluster: &RedisCluster) -> u64 {
    cluster.nodes().map(|node| node.info("stats", "total_reads_processed")).sum()
}

#[tokio::test]
async fn an_invalidation_of_many_is_one_round_trip_to_each_node() {
    let cluster = RedisCluster::builder().replicas(0).start();
    let cache = patient(&cluster).await;
    // So few that each node reads its part at once. What the nodes tell one another are reads too, though rarely.
    let mut fewest = u64::MAX;
    for _ in 0..20 {
        fill(&cache, 30).await;
        assert!(entries(&cluster).iter().all(|entries| *entries > 0), "{:?}", entries(&cluster));
        let (before, asked) = (reads(&cluster), reads(&cluster));
        cache.invalidate_many(names(30)).await.unwrap();
        let now = reads(&cluster);
        assert_eq!(entries(&cluster), [0; 3]);
        fewest = fewest.min((now - asked).saturating_sub(asked - before));
    }
    assert_eq!(fewest, 3, "each node has read one request");
}

#[tokio::test]
async fn an_invalidation_of_3000_keys_is_a_command_for_each_over_the_connections_that_are_there() {
    const KEYS: u64 = 3_000;
    let cluster = RedisCluster::builder().replicas(0).start();
    let cache = patient(&cluster).await;
    fill(&cache, KEYS).await;
    assert_eq!(entries(&cluster).iter().sum::<usize>(), 3_000);
    cluster.reset_stats();
    let connections =
        || cluster.nodes().map(|node| node.info("stats", "total_connections_received"));
    let (before, asked) = (connections().sum::<u64>(), connections().sum::<u64>());
    let read = reads(&cluster);
    cache.invalidate_many(names(KEYS)).await.unwrap();
    let read = reads(&cluster) - read;
    let made = connections().sum::<u64>() - asked;
    assert_eq!(entries(&cluster), [0; 3]);
    assert_eq!(cluster.command_count("del"), KEYS);
    println!("{KEYS} deletions in {read} reads of the nodes");
    assert!(read < KEYS / 10, "{read} reads");
    // The harness connects to each node for each question.
    assert!(made <= 3 * (asked - before), "{made} connections");
}

#[tokio::test]
async fn a_node_that_hangs_does_not_hold_up_the_others() {
    const KEYS: u64 = 300;
    let cluster = RedisCluster::builder().replicas(0).node_timeout(60_000).start();
    let cache = patient(&cluster).await;
    for hung in 0..3 {
        fill(&cache, KEYS).await;
        cluster.pause(hung);
        let call = tokio::spawn({
            let cache = cache.clone();
            async move { cache.invalidate_many(names(KEYS)).await }
        });
        let others = || (0..3).filter(|i| *i != hung).map(|i| cluster.node(i).scan_keys().len());
        until("the others are empty", || others().sum::<usize>() == 0).await;
        assert!(!call.is_finished(), "one has not answered");
        cluster.resume(hung);
        call.await.unwrap().unwrap();
        assert_eq!(entries(&cluster), [0; 3]);
    }
}

#[tokio::test]
async fn where_a_node_is_gone_the_error_says_how_many_may_be_left() {
    const KEYS: u64 = 300;
    let mut cluster = RedisCluster::builder().replicas(0).node_timeout(60_000).start();
    let cache = patient(&cluster).await;
    fill(&cache, KEYS).await;
    let of_each = entries(&cluster);
    cluster.kill_primary(1);
    let error = cache.invalidate_many(names(KEYS)).await.unwrap_err().to_string();
    let begins = format!("{} of {KEYS} entries may still be there: ", of_each[1]);
    assert!(error.starts_with(&begins), "{error}");
    assert_eq!([0, 2].map(|i| cluster.node(i).scan_keys().len()), [0; 2]);
}

#[tokio::test]
async fn reads_leave_together_for_each_node_and_none_is_given_to_another_caller() {
    const KEYS: u64 = 300;
    const TASKS: u64 = 64;
    const READS: u64 = 400;
    let cluster = RedisCluster::builder().replicas(0).start();
    let cache = patient(&cluster).await;
    fill(&cache, KEYS).await;
    let loads = cache.stats().loads.total();
    let read_all = async |rounds: u64| {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let cache = cache.clone();
            tasks.spawn(async move {
                for round in 0..rounds {
                    let key = (task * 7 + round * 13) % KEYS;
                    assert_eq!(get(&cache, key).await, key);
                }
            });
        }
        tasks.join_all().await;
    };
    cluster.reset_stats();
    read_all(READS).await;
    let before: Vec<_> =
        cluster.nodes().map(|n| n.info("stats", "total_reads_processed")).collect();
    read_all(READS).await;
    assert_eq!(cache.stats().loads.total(), loads, "all are hits");
    for (node, before) in cluster.nodes().zip(before) {
        let read = node.info("stats", "total_reads_processed") - before;
        let (gets, errors) = (node.command_count("get"), node.cli(&["INFO", "errorstats"]));
        println!("{gets} GETs in {read} reads of the node");
        assert!(!errors.contains("CROSSSLOT"), "a node refuses keys of several slots: {errors}");
        assert!(gets > 2_000 && 2 * read < gets / 4, "{gets} GETs in {read} reads");
    }
    // A read joins another of the same key, so some of the calls are no command.
    assert!(cluster.command_count("get") <= 2 * TASKS * READS);
}
